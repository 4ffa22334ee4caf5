/// The tokens that are found in the text before the model sees it.
struct AddedTokens: Sendable {
    struct Token: Sendable, Equatable {
        let content: [UInt8]
        let isSingleWord: Bool
        let stripsLeft: Bool
        let stripsRight: Bool
        let isNormalized: Bool
        let isSpecial: Bool

        init(_ field: Field) throws(TextError) {
            try field.check(
                keys: ["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"])
            content = try field.member("content").bytes()
            isSingleWord = try field.member("single_word").boolean()
            stripsLeft = try field.member("lstrip").boolean()
            stripsRight = try field.member("rstrip").boolean()
            isNormalized = try field.member("normalized").boolean()
            isSpecial = try field.member("special").boolean()
        }
    }

    /// A part of a text: an added token, or text between added tokens.
    struct Section {
        let bounds: Range<Int>
        let token: Int?
    }

    private(set) var ids: [[UInt8]: Int] = [:]
    private(set) var tokens: [Int: Token] = [:]
    /// How a token is spelled in decoding: a normalized one as normalization leaves it.
    private(set) var spellings: [Int: [UInt8]] = [:]
    private(set) var specialContents: Set<[UInt8]> = []
    private var inText = TokenTrie()
    private var inNormalizedText = TokenTrie()

    /// Reads `added_tokens`.
    ///
    /// As in the reference, a token that the vocabulary has keeps its number there, and the others are numbered on
    /// from the end of the vocabulary in the file's order, whatever numbers the file gives.
    init(_ field: Field, _ vocabulary: [[UInt8]: Int], _ normalizer: Normalizer?) throws(TextError) {
        var special: [Token] = []
        var ordinary: [Token] = []
        var highest: Int?
        for element in field.isNull ? [] : try field.elements() {
            let token = try Token(element)
            guard !token.content.isEmpty else { continue }
            if token.isSpecial, specialContents.insert(token.content).inserted { special.append(token) }
        }
        for element in field.isNull ? [] : try field.elements() {
            let token = try Token(element)
            guard !token.content.isEmpty else { continue }
            let id =
                ids[token.content] ?? vocabulary[token.content]
                ?? highest.map { max($0 + 1, vocabulary.count) } ?? vocabulary.count
            if tokens[id] == token { continue }
            ids[token.content] = id
            tokens[id] = token
            spellings[id] = token.content
            highest = max(highest ?? 0, id)
            if !specialContents.contains(token.content) { ordinary.append(token) }
        }
        for token in special + ordinary {
            guard let id = ids[token.content] else { continue }
            var scalars = String(decoding: token.content, as: UTF8.self).unicodeScalars.map(\.value)
            guard token.isNormalized else {
                inText.insert(scalars, id)
                continue
            }
            var atStart = 0
            normalizer?.apply(to: &scalars, atStart: &atStart)
            guard !scalars.isEmpty else {
                throw field.unsupported(
                    expected: "tokens that normalization leaves something of",
                    found: "'\(String(decoding: token.content, as: UTF8.self))'")
            }
            inNormalizedText.insert(scalars, id)
            spellings[id] = UTF8Writer.bytes(scalars[...])
        }
    }

    /// Cuts the text, as it was given or as it was normalized, at the tokens that are looked for there.
    func sections(of text: [UInt32], isNormalized: Bool) -> [Section] {
        let trie = isNormalized ? inNormalizedText : inText
        var sections: [Section] = []
        var end = 0
        var position = 0
        while position < text.count {
            guard let match = trie.longestMatch(in: text, at: position) else {
                position += 1
                continue
            }
            var bounds = position..<match.end
            position = match.end
            guard let token = tokens[match.id], !token.isSingleWord || standsAlone(bounds, text) else { continue }
            if token.stripsLeft { bounds = max(end, spaceStart(before: bounds.lowerBound, text))..<bounds.upperBound }
            if token.stripsRight { bounds = bounds.lowerBound..<spaceEnd(after: bounds.upperBound, text) }
            if end < bounds.lowerBound { sections.append(Section(bounds: end..<bounds.lowerBound, token: nil)) }
            sections.append(Section(bounds: bounds, token: match.id))
            end = bounds.upperBound
        }
        if end < text.count { sections.append(Section(bounds: end..<text.count, token: nil)) }
        return sections
    }

    private func standsAlone(_ bounds: Range<Int>, _ text: [UInt32]) -> Bool {
        (bounds.lowerBound == 0 || !ScalarClass.isWord(text[bounds.lowerBound - 1]))
            && (bounds.upperBound == text.count || !ScalarClass.isWord(text[bounds.upperBound]))
    }

    private func spaceStart(before position: Int, _ text: [UInt32]) -> Int {
        var start = position
        while start > 0, ScalarClass.isWhitespace(text[start - 1]) { start -= 1 }
        return start
    }

    private func spaceEnd(after position: Int, _ text: [UInt32]) -> Int {
        var end = position
        while end < text.count, ScalarClass.isWhitespace(text[end]) { end += 1 }
        return end
    }
}

/// Finds the longest of many strings that stands at a place.
private struct TokenTrie: Sendable {
    private var children: [[UInt32: Int]] = [[:]]
    private var ids: [Int?] = [nil]

    /// Adds a string; of two equal ones the first stays.
    mutating func insert(_ string: [UInt32], _ id: Int) {
        var node = 0
        for scalar in string {
            if let child = children[node][scalar] {
                node = child
            } else {
                children[node][scalar] = children.count
                node = children.count
                children.append([:])
                ids.append(nil)
            }
        }
        if ids[node] == nil { ids[node] = id }
    }

    func longestMatch(in text: [UInt32], at position: Int) -> (end: Int, id: Int)? {
        var node = 0
        var match: (end: Int, id: Int)?
        for index in position..<text.count {
            guard let child = children[node][text[index]] else { break }
            node = child
            if let id = ids[node] { match = (index + 1, id) }
        }
        return match
    }
}
