/// Gemma 2: norms before and after every mixer, caps of scores and logits, windows on every other layer.
///
/// Reference: transformers, `models/gemma2/modeling_gemma2.py`.
enum Gemma2: Architecture {
    static let names = ["Gemma2ForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily(gemma: "gemma2", architecture: "Gemma2ForCausalLM", largestLayerCount: 46)
        let completeAll = family.complete
        // What a file doesn't say is as in llama.cpp.
        family.complete = { (file, reader, members) throws(BlueprintError) in
            try completeAll(file, &reader, &members)
            members["sliding_window"] = .integer(try reader.count("attention.sliding_window", default: 4096))
            members["layer_types"] = try file.layerTypes(&reader, period: 2)
            for (key, cap) in ["attn_logit_softcapping": 50.0, "final_logit_softcapping": 30] {
                members[key] = .real(try reader.positive(key, default: cap))
            }
        }
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder(gemma: "Gemma2ForCausalLM", &reader, readsRotary: true)
        decoder.scoreCap = try reader.cap("attn_logit_softcapping", default: 50)
        decoder.logitCap = try reader.cap("final_logit_softcapping", default: 30)
        let windows = try reader.windows(layerCount: decoder.layerCount, isWindowed: { $0.isMultiple(of: 2) })
        decoder.window = { windows[$0] }
        return decoder.blueprint()
    }
}

extension DenseDecoder {
    /// Reads what all models of the family share from its second generation on.
    init(gemma architecture: String, _ reader: inout ConfigurationReader, readsRotary: Bool) throws(BlueprintError) {
        var spelling = Spelling()
        spelling.activation = "hidden_activation"
        spelling.activations = ["gelu_pytorch_tanh": .gelu]
        spelling.readsRotary = readsRotary
        try self.init(architecture, &reader, defaultHeadSize: 256, isTiedByDefault: true, spelling: spelling)
        try readAttentionBias(&reader)
        // Older files have them, too; the reference does not read them.
        for key in ["hidden_act", "sliding_window_size"] { _ = reader.value(key) }
        normAddend = 1
        hasPostNorms = true
        embeddingFactor = Float(width).squareRoot()
        scale = 1 / Float(try reader.positive("query_pre_attn_scalar", default: 256)).squareRoot()
        guard try !reader.boolean("use_bidirectional_attention", default: false) else {
            throw reader.unsupported("use_bidirectional_attention", expected: "false", found: "true")
        }
    }
}

extension GGUFFamily {
    /// What all models of the family share from its second generation on.
    ///
    /// - Parameter largestLayerCount: the layers of the one published model that divides its scores by the root of the
    ///   width over the heads, not of the head size: no key says it.
    init(gemma name: String, architecture: String, largestLayerCount: Int) {
        self.init(name, architecture: architecture)
        members = ["hidden_activation": .string("gelu_pytorch_tanh")]
        layerParts.merge(Self.postNormParts) { $1 }
        layerParts["ffn_norm"] = "pre_feedforward_layernorm"
        let parts = Array(layerParts.keys) + Array(outerParts.keys)
        for part in parts where part.hasSuffix("_norm") { changes[part] = .lessOne }
        complete = { (file, _, members) throws(BlueprintError) in
            let size = file.layerCount == largestLayerCount ? file.width / file.heads : file.headSize
            members["query_pre_attn_scalar"] = .integer(size)
        }
    }
}
