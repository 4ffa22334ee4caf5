/// How checkpoints of models that see pictures, too, have the text part, the only one that is computed.
///
/// config.json has its keys in `text_config`. Its tensors lie in `model.language_model` in the reference's memory, and
/// in `language_model.model` in many checkpoints; those of a model of text alone in `model`, or there, too.
///
/// Reference: transformers, the mappings of names in `conversion_mapping.py`.
struct TextPart {
    /// What the text's `model_type` may be.
    let kinds: [String]
    /// Keys beside `text_config` that are of pictures.
    let pictureKeys: [String]
    /// Parts of the model that are left out, by what other checkpoints call them.
    let otherParts: [String: String]
    /// Whether the embedding serves as head where config.json does not say so beside `text_config`; nil where only what
    /// is said inside counts.
    let isTiedByDefault: Bool?
    /// What the class of the text's configuration takes for absent keys.
    var defaults: [String: ConfigurationValue] = [:]

    /// What most models have beside the text.
    static let visionParts = [
        "vision_tower": "model.vision_tower", "multi_modal_projector": "model.multi_modal_projector",
    ]

    /// The blueprint by keys in `text_config`, or by all where there is none.
    ///
    /// - Throws: ``BlueprintError`` as `make`, and for keys of the text part that nothing has read.
    func blueprint(
        _ reader: inout ConfigurationReader,
        _ make: (inout ConfigurationReader) throws(BlueprintError) -> DenseDecoder
    ) throws(BlueprintError) -> Blueprint {
        guard var text = try reader.object("text_config") else {
            reader.fill(with: defaults)
            var decoder = try make(&reader)
            name(&decoder, root: "model")
            return decoder.blueprint()
        }
        try text.require("model_type", kinds.map { .string($0) })
        for key in ["vision_config"] + pictureKeys { _ = reader.value(key) }
        // mlx-lm reads the vocabulary's size there.
        if let vocabulary = reader.value("vocab_size") {
            text.fill(with: ["vocab_size": vocabulary])
            try text.require("vocab_size", [vocabulary])
        }
        text.fill(with: defaults)
        var decoder = try make(&text)
        try text.finish()
        let isTied = try reader.boolean("tie_word_embeddings", default: isTiedByDefault ?? false)
        if isTiedByDefault != nil { decoder.isTied = isTied }
        guard isTied || !decoder.isTied || !reader.has("tie_word_embeddings") else {
            throw .inconsistent(
                expected: "'tie_word_embeddings' to be false in 'text_config', as beside it", found: "true")
        }
        if decoder.endTokens.isEmpty { decoder.endTokens = try reader.tokens("eos_token_id") }
        if decoder.statedEncoding == nil { decoder.statedEncoding = try reader.encoding() }
        name(&decoder, root: "model.language_model")
        return decoder.blueprint()
    }

    private func name(_ decoder: inout DenseDecoder, root: String) {
        decoder.root = root
        decoder.ignoredPrefixes += otherParts.values.sorted().map { $0 + "." }
        decoder.otherPrefixes = otherParts
        decoder.otherPrefixes["language_model.model"] = root
        decoder.otherPrefixes["language_model.lm_head"] = "lm_head"
    }
}
