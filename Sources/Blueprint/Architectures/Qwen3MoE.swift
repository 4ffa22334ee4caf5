/// Qwen 3 MoE: Qwen 3 with experts.
///
/// Reference: transformers, `models/qwen3_moe/modeling_qwen3_moe.py`.
enum Qwen3MoE: Architecture {
    static let names = ["Qwen3MoeForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily("qwen3moe", architecture: "Qwen3MoeForCausalLM")
        var mixture = GGUFMixture(architecture: "Qwen3MoeForCausalLM", path: "mlp")
        mixture.widthKey = "moe_intermediate_size"
        mixture.isRequired = true
        family.mixture = mixture
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("Qwen3MoeForCausalLM", &reader)
        try decoder.readAttentionBias(&reader)
        decoder.hasHeadNorms = true
        // Without regard to the layer, unlike its relatives.
        let usesWindow = try reader.boolean("use_sliding_window", default: false)
        let window = try reader.window()
        if usesWindow { try reader.check(window: window) }
        _ = reader.value("max_window_layers")
        decoder.window = { _ in usesWindow ? window : nil }
        // Qwen 3 Coder says what all models of the family have and have not.
        try reader.require("use_qk_norm", .boolean(true))
        try reader.require("shared_expert_intermediate_size", .integer(0))
        let form = try ExpertForm(qwen: &reader, isNormalizedByDefault: false)
        let layers = try reader.mixtureLayers(layerCount: decoder.layerCount)
        try decoder.use(form, in: layers.contains)
        return decoder.blueprint()
    }
}
