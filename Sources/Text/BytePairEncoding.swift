import JSON

/// The model: turns a word into tokens by merging neighbours in the order of the merges' ranks.
struct BytePairEncoding: Sendable {
    /// The vocabulary; the key is the token's UTF-8, since Swift strings would unify what differs only in composition.
    let vocabulary: [[UInt8]: Int]

    private let merges: MergeTable
    private let characters: CharacterTable
    private let byteTokens: [Int32]?  // [256]; nil without byte fallback
    private let unknown: Field
    private let unknownToken: Int32?
    private let fusesUnknown: Bool
    private let ignoresMerges: Bool
    private let prefix: [UInt8]
    private let suffix: [UInt8]

    init(_ field: Field) throws(TextError) {
        try Self.check(field)
        vocabulary = try Self.vocabulary(try field.member("vocab"))
        unknown = try field.member("unk_token")
        unknownToken = unknown.isNull ? nil : vocabulary[try unknown.bytes()].map(Int32.init)
        fusesUnknown = try field.member("fuse_unk").boolean(default: false)
        ignoresMerges = try field.member("ignore_merges").boolean(default: false)
        prefix = try Self.affix(try field.member("continuing_subword_prefix"))
        suffix = try Self.affix(try field.member("end_of_word_suffix"))
        merges = try Self.merges(try field.member("merges"), vocabulary, prefixCount: prefix.count)
        characters = CharacterTable(vocabulary)
        if try field.member("byte_fallback").boolean(default: false) {
            let vocabulary = vocabulary
            byteTokens = (0..<256).map { byte in
                let digits = String(byte, radix: 16, uppercase: true)
                return Int32(vocabulary[Array("<0x\(byte < 16 ? "0" : "")\(digits)>".utf8)] ?? -1)
            }
        } else {
            byteTokens = nil
        }
    }

    private static func check(_ field: Field) throws(TextError) {
        let type = try field.member("type")
        let name = type.isNull ? "BPE" : try type.string()
        guard name == "BPE" else { throw type.unsupported(expected: "'BPE'") }
        try field.check(keys: [
            "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
            "byte_fallback", "ignore_merges", "vocab", "merges",
        ])
        let dropout = try field.member("dropout")
        if case .number(let digits) = dropout.value, Double(digits) == 0 { return }
        guard dropout.isNull else { throw dropout.unsupported(expected: "null or 0") }
    }

    private static func affix(_ field: Field) throws(TextError) -> [UInt8] {
        field.isNull ? [] : try field.bytes()
    }

    private static func vocabulary(_ field: Field) throws(TextError) -> [[UInt8]: Int] {
        guard case .object(let members) = field.value else { throw field.malformed(expected: "an object") }
        var vocabulary: [[UInt8]: Int] = [:]
        vocabulary.reserveCapacity(members.count)
        for member in members {
            // The path is spelled out only for an error: vocabularies are large.
            guard let id = member.value.index else {
                throw Field(path: "\(field.path)['\(member.key)']", value: member.value)
                    .malformed(expected: "a whole number from 0 to 16777216")
            }
            vocabulary[Array(member.key.utf8)] = id
        }
        return vocabulary
    }

    private static func merges(
        _ field: Field, _ vocabulary: [[UInt8]: Int], prefixCount: Int
    ) throws(TextError) -> MergeTable {
        guard case .array(let values) = field.value else { throw field.malformed(expected: "an array") }
        var table = MergeTable(capacity: values.count)
        var rank: Int32 = 0
        for (index, value) in values.enumerated() {
            let place = { Field(path: "\(field.path)[\(index)]", value: value) }
            guard let (left, right) = try pair(value, place) else { continue }
            guard right.count >= prefixCount, let leftToken = vocabulary[left], let rightToken = vocabulary[right],
                let token = vocabulary[left + right.dropFirst(prefixCount)]
            else { throw place().malformed(expected: "two tokens that are in the vocabulary, as is their merge") }
            table.insert(Int32(leftToken), Int32(rightToken), .init(rank: rank, token: Int32(token)))
            rank += 1
        }
        return table
    }

    /// A merge is written as two strings, or as one with a space between; that may begin with a version line.
    private static func pair(
        _ value: JSONValue, _ place: () -> Field
    ) throws(TextError) -> (left: [UInt8], right: [UInt8])? {
        switch value {
        case .string(let text):
            if text.utf8.starts(with: "#version".utf8) { return nil }
            let parts = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw place().malformed(expected: "two tokens with one space between") }
            return (Array(parts[0]), Array(parts[1]))
        case .array(let elements):
            guard elements.count == 2, case .string(let left) = elements[0], case .string(let right) = elements[1]
            else { throw place().malformed(expected: "two strings") }
            return (Array(left.utf8), Array(right.utf8))
        case .object, .number, .boolean, .null:
            throw place().malformed(expected: "a pair of tokens")
        }
    }
}

extension BytePairEncoding {
    /// Appends the tokens of a word.
    func encode(_ word: ArraySlice<UInt32>, into tokens: inout [Int]) throws(TextError) {
        if ignoresMerges, let token = vocabulary[UTF8Writer.bytes(word)] {
            tokens.append(token)
            return
        }
        var symbols = try symbols(of: word)
        // Below this length a scan for the best merge is faster than a heap.
        if symbols.count <= 32 {
            mergeByScan(&symbols)
        } else {
            mergeByQueue(&symbols)
        }
        for symbol in symbols { tokens.append(Int(symbol)) }
    }

    /// The tokens of the single characters, before any merge.
    ///
    /// As in the reference, characters without a token disappear if there is no unknown token, and the bytes of a
    /// character come before an unknown token that is still open.
    private func symbols(of word: ArraySlice<UInt32>) throws(TextError) -> [Int32] {
        var symbols: [Int32] = []
        symbols.reserveCapacity(word.count)
        var isUnknownOpen = false
        for index in word.indices {
            let spelling = spelling(of: word, at: index)
            if let token = spelling.map({ vocabulary[$0].map(Int32.init) }) ?? characters[word[index]] {
                if isUnknownOpen, let unknownToken { symbols.append(unknownToken) }
                isUnknownOpen = false
                symbols.append(token)
                continue
            }
            if let bytes = byteTokens(of: spelling ?? UTF8Writer.bytes(word[index...index])) {
                symbols.append(contentsOf: bytes)
                continue
            }
            guard !unknown.isNull else { continue }
            guard let unknownToken else { throw unknown.malformed(expected: "a token of the vocabulary") }
            if isUnknownOpen, !fusesUnknown { symbols.append(unknownToken) }
            isUnknownOpen = true
        }
        if isUnknownOpen, let unknownToken { symbols.append(unknownToken) }
        return symbols
    }

    /// How the vocabulary spells the character at this place of the word; nil if it is the character alone.
    private func spelling(of word: ArraySlice<UInt32>, at index: Int) -> [UInt8]? {
        let prefix = index > word.startIndex ? prefix : []
        let suffix = index == word.endIndex - 1 ? suffix : []
        return prefix.isEmpty && suffix.isEmpty ? nil : prefix + UTF8Writer.bytes(word[index...index]) + suffix
    }

    private func byteTokens(of bytes: [UInt8]) -> [Int32]? {
        guard let byteTokens else { return nil }
        let tokens = bytes.map { byteTokens[Int($0)] }
        return tokens.contains(-1) ? nil : tokens
    }

    private func mergeByScan(_ symbols: inout [Int32]) {
        guard symbols.count > 1 else { return }
        // merge of symbols i and i + 1
        var candidates = (1..<symbols.count).map { merges[symbols[$0 - 1], symbols[$0]] }
        while true {
            var best: Int?
            var bestRank = Int32.max
            for (index, candidate) in candidates.enumerated() {
                if let candidate, candidate.rank < bestRank { (best, bestRank) = (index, candidate.rank) }
            }
            guard let best, let merge = candidates[best] else { return }
            symbols[best] = merge.token
            symbols.remove(at: best + 1)
            candidates.remove(at: best)
            if best > 0 { candidates[best - 1] = merges[symbols[best - 1], symbols[best]] }
            if best < candidates.count { candidates[best] = merges[symbols[best], symbols[best + 1]] }
        }
    }

    private func mergeByQueue(_ symbols: inout [Int32]) {
        let end = symbols.count
        var next = Array(1...end)
        var previous = Array(-1..<end - 1)
        var queue = MergeQueue()
        func consider(_ position: Int) {
            guard position >= 0, next[position] < end,
                let merge = merges[symbols[position], symbols[next[position]]]
            else { return }
            queue.insert(rank: merge.rank, position: position)
        }
        for position in 0..<end - 1 { consider(position) }
        while let (rank, position) = queue.popFirst() {
            // An entry is out of date if one of its symbols has been merged with another.
            guard symbols[position] >= 0, next[position] < end,
                let merge = merges[symbols[position], symbols[next[position]]], merge.rank == rank
            else { continue }
            let right = next[position]
            symbols[position] = merge.token
            symbols[right] = -1
            next[position] = next[right]
            if next[position] < end { previous[next[position]] = position }
            consider(previous[position])
            consider(position)
        }
        symbols.removeAll { $0 < 0 }
    }
}

/// The tokens that are one character long.
private struct CharacterTable: Sendable {
    private var low = [Int32](repeating: -1, count: 0x200)
    private var high: [UInt32: Int32] = [:]

    init(_ vocabulary: [[UInt8]: Int]) {
        for (key, token) in vocabulary where key.count <= 4 {
            let scalars = String(decoding: key, as: UTF8.self).unicodeScalars
            guard let scalar = scalars.first?.value, scalars.count == 1 else { continue }
            if scalar < 0x200 {
                low[Int(scalar)] = Int32(token)
            } else {
                high[scalar] = Int32(token)
            }
        }
    }

    subscript(scalar: UInt32) -> Int32? {
        guard scalar < 0x200 else { return high[scalar] }
        let token = low[Int(scalar)]
        return token < 0 ? nil : token
    }
}
