/// Granite 3: Llama with multipliers of the embedding, the scores, the branches and the logits.
///
/// Reference: transformers, `models/granite/modeling_granite.py`.
enum Granite: Architecture {
    static let names = ["GraniteForCausalLM"]

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("GraniteForCausalLM", &reader, mayOmitKeyValueHeads: true)
        try decoder.readAttentionBias(&reader)
        decoder.hasMLPBias = try reader.boolean("mlp_bias", default: false)
        decoder.embeddingFactor = Float(try reader.positive("embedding_multiplier", default: 1))
        decoder.scale = Float(try reader.positive("attention_multiplier", default: 1))
        decoder.branchFactor = Float(try reader.positive("residual_multiplier", default: 1))
        decoder.logitFactor = Float(1 / (try reader.positive("logits_scaling", default: 1)))
        return decoder.blueprint()
    }
}
