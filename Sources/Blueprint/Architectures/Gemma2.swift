/// Gemma 2: norms before and after every mixer, caps of scores and logits, windows on every other layer.
///
/// Reference: transformers, `models/gemma2/modeling_gemma2.py`.
enum Gemma2: Architecture {
    static let names = ["Gemma2ForCausalLM"]

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
        normAddend = 1
        hasPostNorms = true
        embeddingFactor = Float(width).squareRoot()
        scale = 1 / Float(try reader.positive("query_pre_attn_scalar", default: 256)).squareRoot()
        guard try !reader.boolean("use_bidirectional_attention", default: false) else {
            throw .unsupportedValue(key: "use_bidirectional_attention", expected: "false", found: "true")
        }
    }
}
