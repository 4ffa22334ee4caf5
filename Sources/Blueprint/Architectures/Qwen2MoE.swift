/// Qwen 2 MoE: Qwen 2 with experts, a shared one with a gate among them.
///
/// Reference: transformers, `models/qwen2_moe/modeling_qwen2_moe.py`.
enum Qwen2MoE: Architecture {
    static let names = ["Qwen2MoeForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily("qwen2moe", architecture: "Qwen2MoeForCausalLM")
        family.statesAttentionBias = false
        var mixture = GGUFMixture(architecture: "Qwen2MoeForCausalLM", path: "mlp")
        mixture.widthKey = "moe_intermediate_size"
        mixture.sharedWidthKey = "shared_expert_intermediate_size"
        mixture.isNormalized = false
        mixture.isRequired = true
        family.mixture = mixture
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("Qwen2MoeForCausalLM", &reader)
        decoder.hasQueryKeyValueBias = try reader.boolean("qkv_bias", default: true)
        // Here even layers below `max_window_layers` see a window, where it is switched on.
        let usesWindow = try reader.boolean("use_sliding_window", default: false)
        let last = try reader.integer("max_window_layers") ?? 28
        let windows =
            usesWindow
            ? try reader.windows(layerCount: decoder.layerCount, isWindowed: { $0.isMultiple(of: 2) && $0 < last })
            : Array(repeating: nil, count: decoder.layerCount)
        if !usesWindow { for key in ["sliding_window", "layer_types"] { _ = reader.value(key) } }
        decoder.window = { windows[$0] }
        var form = try ExpertForm(qwen: &reader, isNormalizedByDefault: false)
        form.shared = ("shared_expert", try reader.count("shared_expert_intermediate_size"))
        form.hasSharedGate = true
        let layers = try reader.mixtureLayers(layerCount: decoder.layerCount)
        try decoder.use(form, in: layers.contains)
        return decoder.blueprint()
    }
}
