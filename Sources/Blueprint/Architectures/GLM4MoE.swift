/// GLM 4.5: part of each head turns, and sigmoids choose the experts, after some dense layers.
///
/// Reference: transformers, `models/glm4_moe/modeling_glm4_moe.py`.
enum GLM4MoE: Architecture {
    static let names = ["Glm4MoeForCausalLM"]

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var spelling = DenseDecoder.Spelling()
        spelling.partialRotary = 0.5
        var decoder = try DenseDecoder("Glm4MoeForCausalLM", &reader, spelling: spelling)
        decoder.hasQueryKeyValueBias = try reader.boolean("attention_bias", default: false)
        decoder.hasHeadNorms = try reader.boolean("use_qk_norm", default: false)
        let form = try ExpertForm(sigmoid: &reader)
        let dense = try reader.number("first_k_dense_replace", default: 1)
        try decoder.use(form, in: { $0 >= dense })
        decoder.furtherLayers = try reader.number("num_nextn_predict_layers", default: 0)
        return decoder.blueprint()
    }
}
