/// GLM 4.5: part of each head turns, and sigmoids choose the experts, after some dense layers.
///
/// Reference: transformers, `models/glm4_moe/modeling_glm4_moe.py`.
enum GLM4MoE: Architecture {
    static let names = ["Glm4MoeForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily("glm4moe", architecture: "Glm4MoeForCausalLM")
        family.layerParts["post_attention_norm"] = "post_attention_layernorm"
        family.furtherPath = "model.layers"
        family.mixture = .routed(architecture: "Glm4MoeForCausalLM")
        // Of a file that doesn't say it, all of a head turns.
        family.members["partial_rotary_factor"] = .real(1)
        family.complete = { (file, reader, members) throws(BlueprintError) in
            // 2 is a sigmoid of each; 0 is no statement.
            try reader.require("expert_gating_func", .integer(0), .integer(2))
            members["use_qk_norm"] = .boolean(file.has("attn_q_norm.weight"))
        }
        return family
    }

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
