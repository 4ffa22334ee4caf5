import Blueprint
import JSON

/// The tokenizer in a GGUF file's metadata, as the texts that a checkpoint has for it.
struct GGUFTokenizer {
    /// The kinds of tokens that the format tells apart.
    enum Kind: Int {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    let fields: GGUFTokenizerFields
    let form: GGUFTokenizerKind
    let tokens: [String]
    let kinds: [Kind]

    /// Nil where the file has no tokenizer.
    init?(_ fields: GGUFTokenizerFields) throws(WeightsError) {
        guard let name = try fields.text("model"), name != "none", name != "no_vocab" else { return nil }
        guard let form = GGUFTokenizerKind(rawValue: name) else {
            let known = GGUFTokenizerKind.allCases.map(\.rawValue).joined(separator: " or ")
            throw fields.unsupported("'tokenizer.ggml.model' to be \(known)", "'\(name)'")
        }
        guard let tokens = try fields.texts("tokens") else { throw fields.absent("tokens") }
        let codes = try fields.integers("token_type", count: tokens.count) ?? tokens.map { _ in Kind.normal.rawValue }
        self.fields = fields
        self.form = form
        self.tokens = tokens
        // A kind that is not known marks tokens that are not for use.
        kinds = codes.map { Kind(rawValue: $0) ?? .unused }
    }

    /// tokenizer.json, tokenizer_config.json and the chat template.
    func texts() throws(WeightsError) -> [Checkpoint.Text: String] {
        var texts: [Checkpoint.Text: String] = [:]
        texts[.tokenizer] = try tokenizer().json
        texts[.tokenizerConfiguration] = try configuration().json
        texts[.chatTemplate] = try fields.chatTemplate()
        return texts
    }

    private func tokenizer() throws(WeightsError) -> JSONValue {
        let parts =
            switch form {
            case .byteLevel: try byteLevelParts()
            case .sentencePiece: try sentencePieceParts()
            }
        return .object([
            "version": .string("1.0"), "added_tokens": .array(addedTokens()), "normalizer": parts.normalizer,
            "pre_tokenizer": parts.preTokenizer,
            "post_processor": try postProcessor(addsBeginToken: parts.addsBeginToken),
            "decoder": parts.decoder, "model": parts.model,
        ])
    }

    /// The tokens that are looked for in the text before anything else is done to it.
    private func addedTokens() -> [JSONValue] {
        let family = fields.family ?? ""
        return tokens.indices.compactMap { id in
            let isSpecial: Bool
            switch kinds[id] {
            case .control, .unknown: isSpecial = true
            case .userDefined: isSpecial = false
            case .normal, .unused, .byte: return nil
            }
            return .object([
                "id": .number("\(id)"), "content": .string(tokens[id]), "single_word": .boolean(false),
                "lstrip": .boolean(false),
                "rstrip": .boolean(form.takesSpaces(behind: tokens[id], family: family)), "normalized": .boolean(false),
                "special": .boolean(isSpecial),
            ])
        }
    }

    /// Puts the tokens around a text that the file asks for.
    private func postProcessor(addsBeginToken: Bool) throws(WeightsError) -> JSONValue {
        var added: [(id: Int, text: String)] = []
        var parts: [JSONValue] = []
        func add(_ token: (id: Int, text: String)) {
            parts.append(.object(["SpecialToken": .object(["id": .string(token.text), "type_id": .number("0")])]))
            if !added.contains(where: { $0.id == token.id }) { added.append(token) }
        }
        if try fields.flag("add_bos_token", default: addsBeginToken), let token = try token("bos") { add(token) }
        parts.append(.object(["Sequence": .object(["id": .string("A"), "type_id": .number("0")])]))
        if try fields.flag("add_eos_token", default: false), let token = try token("eos") { add(token) }
        guard !added.isEmpty else { return .null }
        let tokens = added.map { token in
            JSONValue.Member(
                key: token.text,
                value: .object([
                    "id": .string(token.text), "ids": .array([.number("\(token.id)")]),
                    "tokens": .array([.string(token.text)]),
                ]))
        }
        return .object([
            "type": .string("TemplateProcessing"), "single": .array(parts), "pair": .array([]),
            "special_tokens": .object(tokens),
        ])
    }

    private func configuration() throws(WeightsError) -> JSONValue {
        .object([
            "bos_token": JSONValue(try token("bos")?.text), "eos_token": JSONValue(try token("eos")?.text),
            "unk_token": JSONValue(try token("unknown")?.text), "pad_token": JSONValue(try token("padding")?.text),
            "clean_up_tokenization_spaces": .boolean(false), "tokenizer_class": .string("PreTrainedTokenizerFast"),
        ])
    }

    /// The token that `tokenizer.ggml.…_token_id` names, if there is one.
    func token(_ role: String) throws(WeightsError) -> (id: Int, text: String)? {
        let key = "\(role)_token_id"
        guard let id = try fields.integer(key), !GGUFModel.isNoToken(id) else { return nil }
        if tokens.indices.contains(id) { return (id, tokens[id]) }
        // Of what begins or ends no text, some files say with a number beyond all tokens that there is none.
        guard role == "bos" || role == "eos" else { return nil }
        throw fields.malformed("'tokenizer.ggml.\(key)' to be one of \(tokens.count) tokens", "\(id)")
    }
}
