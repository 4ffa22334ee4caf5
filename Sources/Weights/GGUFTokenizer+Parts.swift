import Blueprint
import JSON

/// What tells tokenizers of one kind from those of another.
struct GGUFTokenizerParts {
    var normalizer: JSONValue
    var preTokenizer: JSONValue
    var decoder: JSONValue
    var model: JSONValue
    var addsBeginToken: Bool
}

extension GGUFTokenizer {
    func byteLevelParts() throws(WeightsError) -> GGUFTokenizerParts {
        let name = try fields.text("pre") ?? "default"
        guard let preTokenizer = GGUFPreTokenizer.named(name) else {
            let known = GGUFPreTokenizer.names.joined(separator: ", ")
            throw fields.unsupported("'tokenizer.ggml.pre' to be one of \(known)", "'\(name)'")
        }
        guard let merges = try fields.texts("merges") else { throw fields.absent("merges") }
        let byteLevel = JSONValue.object([
            "type": .string("ByteLevel"), "add_prefix_space": .boolean(false), "trim_offsets": .boolean(true),
            "use_regex": .boolean(false),
        ])
        let splits = preTokenizer.patterns.map { pattern in
            JSONValue.object([
                "type": .string("Split"), "pattern": .object(["Regex": .string(pattern)]),
                "behavior": .string("Isolated"), "invert": .boolean(false),
            ])
        }
        return GGUFTokenizerParts(
            normalizer: preTokenizer.composes ? .object(["type": .string("NFC")]) : .null,
            preTokenizer: .object(["type": .string("Sequence"), "pretokenizers": .array(splits + [byteLevel])]),
            decoder: byteLevel,
            model: .object([
                "type": .string("BPE"), "ignore_merges": .boolean(preTokenizer.ignoresMerges),
                "vocab": vocabulary, "merges": .array(try merges.map(pair)),
            ]),
            addsBeginToken: preTokenizer.addsBeginToken)
    }

    /// The tokens of a merge, between which a space stands; the first may begin with one.
    private func pair(_ merge: String) throws(WeightsError) -> JSONValue {
        let bytes = Array(merge.utf8)
        guard let space = bytes.dropFirst().firstIndex(of: 0x20), space + 1 < bytes.count else {
            throw fields.malformed("two tokens with a space between in 'tokenizer.ggml.merges'", "'\(merge)'")
        }
        let (left, right) = (bytes[..<space], bytes[(space + 1)...])
        return .array([.string(String(decoding: left, as: UTF8.self)), .string(String(decoding: right, as: UTF8.self))])
    }

    /// As SentencePiece does it: spaces are marked, one before the text is added, and merges go by score.
    func sentencePieceParts() throws(WeightsError) -> GGUFTokenizerParts {
        guard let scores = try fields.scores(count: tokens.count) else { throw fields.absent("scores") }
        if try fields.flag("remove_extra_whitespaces", default: false) || fields.has("precompiled_charsmap") {
            throw fields.unsupported("a tokenizer that leaves a text as it is", "one that rewrites it")
        }
        let addsSpace = try fields.flag("add_space_prefix", default: true)
        let merges = SentencePieceMerges.derived(
            tokens: tokens, scores: scores, isMergeable: kinds.map { $0 == .normal })
        let mark = "\u{2581}"
        let prepend = JSONValue.object(["type": .string("Prepend"), "prepend": .string(mark)])
        let strip = JSONValue.object([
            "type": .string("Strip"), "content": .string(" "), "start": .number("1"), "stop": .number("0"),
        ])
        let steps = [
            Self.replace(mark, " "), .object(["type": .string("ByteFallback")]), .object(["type": .string("Fuse")]),
        ]
        return GGUFTokenizerParts(
            normalizer: .object([
                "type": .string("Sequence"),
                "normalizers": .array((addsSpace ? [prepend] : []) + [Self.replace(" ", mark)]),
            ]),
            preTokenizer: .null,
            decoder: .object([
                "type": .string("Sequence"), "decoders": .array(steps + (addsSpace ? [strip] : [])),
            ]),
            model: .object([
                "type": .string("BPE"), "unk_token": JSONValue(try token("unknown")?.text), "fuse_unk": .boolean(true),
                "byte_fallback": .boolean(true), "vocab": vocabulary,
                "merges": .array(
                    merges.map { .array([.string($0.left), .string($0.right)]) }),
            ]),
            addsBeginToken: true)
    }

    private static func replace(_ text: String, _ content: String) -> JSONValue {
        .object([
            "type": .string("Replace"), "pattern": .object(["String": .string(text)]), "content": .string(content),
        ])
    }

    /// All tokens but those that only fill up the vocabulary.
    private var vocabulary: JSONValue {
        .object(
            tokens.indices.filter { kinds[$0] != .unused }.map { id in
                JSONValue.Member(key: tokens[id], value: .number("\(id)"))
            })
    }
}
