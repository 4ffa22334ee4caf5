import JSON

/// Converts text to the tokens of a model and back, as the `tokenizer.json` of its checkpoint says.
///
/// Covers tokenizers of the byte-pair kind, byte-level or with byte fallback, and gives exactly the identifiers of the
/// library `tokenizers` 0.23. `truncation` and `padding` of the file are ignored: they shape batches for training,
/// and must not shorten or lengthen a prompt.
public struct Tokenizer: Sendable {
    private let normalizer: Normalizer?
    private let preTokenizer: PreTokenizer?
    private let model: BytePairEncoding
    private let addedTokens: AddedTokens
    private let postProcessor: PostProcessor
    private let pieces: [[UInt8]?]  // [vocabularySize]
    private let isSpecial: [Bool]  // [vocabularySize]
    let decoder: Decoder

    /// Builds a tokenizer from the bytes of a `tokenizer.json`.
    ///
    /// Throws what is wrong with the file, or which component or option of it is not implemented, and where it stands.
    public init(json: [UInt8]) throws(TextError) {
        do throws(TextError) {
            _ = try UTF8Reader.scalars(json)
        } catch {
            guard case .brokenText(let offset, let found) = error else { throw error }
            throw .syntax(offset: offset, expected: "UTF-8", found: found)
        }
        let file = Field(path: "", value: try JSONValue(tokenizer: json))
        try file.check(keys: [
            "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
            "decoder", "model",
        ])
        let normalizer = try file.member("normalizer")
        let preTokenizer = try file.member("pre_tokenizer")
        self.normalizer = normalizer.isNull ? nil : try Normalizer(normalizer)
        self.preTokenizer = preTokenizer.isNull ? nil : try PreTokenizer(preTokenizer)
        model = try BytePairEncoding(try file.member("model"))
        addedTokens = try AddedTokens(try file.member("added_tokens"), model.vocabulary, self.normalizer)
        postProcessor = try PostProcessor(try file.member("post_processor"))
        decoder = try Decoder(try file.member("decoder"))
        pieces = Self.pieces(model.vocabulary, addedTokens)
        let specialContents = addedTokens.specialContents
        isSpecial = pieces.map { $0.map(specialContents.contains) ?? false }
    }

    /// Builds a tokenizer from the text of a `tokenizer.json`; as `init(json:)` from bytes.
    public init(json: String) throws(TextError) {
        try self.init(json: Array(json.utf8))
    }

    private static func pieces(_ vocabulary: [[UInt8]: Int], _ addedTokens: AddedTokens) -> [[UInt8]?] {
        let highest = max(vocabulary.values.max() ?? -1, addedTokens.spellings.keys.max() ?? -1)
        var pieces = [[UInt8]?](repeating: nil, count: highest + 1)
        for (piece, id) in vocabulary { pieces[id] = piece }
        for (id, piece) in addedTokens.spellings { pieces[id] = piece }
        return pieces
    }

    /// The highest identifier plus one.
    public var vocabularySize: Int { pieces.count }

    /// The vocabulary's spelling of a token, such as `Ġthe`; nil where no token has this identifier.
    ///
    /// Bytes are spelled as the vocabulary does. An added token that is looked for in normalized text is spelled as
    /// normalization leaves it.
    public func piece(_ id: Int) -> String? {
        bytes(of: id).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The identifier of the token that the vocabulary spells so.
    public func id(of piece: String) -> Int? {
        let bytes = Array(piece.utf8)
        return addedTokens.ids[bytes] ?? model.vocabulary[bytes]
    }

    /// The tokens of a text, with those that the model wants around it unless told otherwise.
    public func encode(_ text: String, addSpecialTokens: Bool = true) throws(TextError) -> [Int] {
        try encode(scalars: text.unicodeScalars.map(\.value), addSpecialTokens)
    }

    /// The tokens of a text in UTF-8; throws the offset of the first byte that is not.
    public func encode(utf8: [UInt8], addSpecialTokens: Bool = true) throws(TextError) -> [Int] {
        try encode(scalars: try UTF8Reader.scalars(utf8), addSpecialTokens)
    }

    /// The text of tokens.
    ///
    /// As in the reference, identifiers that no token has give no text: models often have more outputs than their
    /// tokenizer has tokens. Negative ones are an error.
    public func decode(_ ids: [Int], skipSpecialTokens: Bool) throws(TextError) -> String {
        var decoder = StreamingDecoder(self, skipSpecialTokens: skipSpecialTokens)
        var text = ""
        for id in ids { text += try decoder.append(id) }
        return text + decoder.finish()
    }

    func scalars(of id: Int) -> [UInt32]? {
        bytes(of: id).map { String(decoding: $0, as: UTF8.self).unicodeScalars.map(\.value) }
    }

    private func bytes(of id: Int) -> [UInt8]? {
        pieces.indices.contains(id) ? pieces[id] : nil
    }

    func isSpecial(_ id: Int) -> Bool {
        isSpecial.indices.contains(id) && isSpecial[id]
    }

    private func encode(scalars: [UInt32], _ addSpecialTokens: Bool) throws(TextError) -> [Int] {
        var ids: [Int] = []
        for section in addedTokens.sections(of: scalars, isNormalized: false) {
            if let token = section.token {
                ids.append(token)
            } else {
                let text = section.bounds == 0..<scalars.count ? scalars : Array(scalars[section.bounds])
                try encode(section: text, isFirst: section.bounds.lowerBound == 0, into: &ids)
            }
        }
        return addSpecialTokens ? postProcessor.apply(to: ids) : ids
    }

    private func encode(section: [UInt32], isFirst: Bool, into ids: inout [Int]) throws(TextError) {
        var text = section
        var atStart = isFirst ? 1 : 0
        normalizer?.apply(to: &text, atStart: &atStart)
        for section in addedTokens.sections(of: text, isNormalized: true) {
            if let token = section.token {
                ids.append(token)
                continue
            }
            let start = max(0, min(atStart - section.bounds.lowerBound, section.bounds.count))
            var pieces = Pieces(Array(text[section.bounds]), atStart: start)
            preTokenizer?.apply(to: &pieces)
            for word in pieces.bounds { try model.encode(pieces.text[word], into: &ids) }
        }
    }
}
