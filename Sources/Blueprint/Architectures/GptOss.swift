/// gpt-oss: a sink in the softmax of every head, windows on every other layer, and experts with biases and a clamped
/// activation, published in four bits.
///
/// Reference: transformers, `models/gpt_oss/modeling_gpt_oss.py`.
enum GptOss: Architecture {
    static let names = ["GptOssForCausalLM"]

    /// Files don't say what every published model has: between which values activations lie, and that the borders of
    /// stretched frequencies are not rounded.
    static var gguf: GGUFFamily? {
        var family = GGUFFamily("gpt-oss", architecture: "GptOssForCausalLM")
        family.layerParts["post_attention_norm"] = "post_attention_layernorm"
        family.layerTensors["attn_sinks.weight"] = "self_attn.sinks"
        var mixture = GGUFMixture(architecture: "GptOssForCausalLM", path: "mlp")
        (mixture.routerName, mixture.stackName) = ("router", "experts")
        mixture.countKey = "num_local_experts"
        mixture.gatingFunction = 3
        mixture.isNormalized = false
        mixture.isRequired = true
        family.mixture = mixture
        family.complete = { (file, reader, members) throws(BlueprintError) in
            if let width = try reader.integer("expert_feed_forward_length") {
                members["intermediate_size"] = .integer(width)
            }
            members["sliding_window"] = .integer(try reader.count("attention.sliding_window"))
            members["layer_types"] = try file.layerTypes(&reader, period: 2)
            try GGUFConfiguration.changeRotary(&members) { rotary in
                if rotary["rope_type"] == .string("yarn") { rotary["truncate"] = .boolean(false) }
            }
        }
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("GptOssForCausalLM", &reader)
        try decoder.readAttentionBias(&reader, default: true)
        decoder.hasSinks = true
        let windows = try reader.windows(layerCount: decoder.layerCount, isWindowed: { $0.isMultiple(of: 2) })
        decoder.window = { windows[$0] }
        decoder.activation = .clampedSwiGLU(
            alpha: Float(try reader.positive("swiglu_alpha", default: 1.702)),
            limit: Float(try reader.positive("swiglu_limit", default: 7)))
        let count = try reader.count("num_local_experts")
        var form = ExpertForm(
            count: count, width: decoder.mlpWidth, scoring: .softmaxOfChosen,
            chosenCount: try reader.chosenCount(of: count), isNormalized: false)
        form.layouts = [.interleaved, .stacked(path: "experts")]
        form.routerName = "router"
        form.hasRouterBias = true
        form.hasBiases = true
        try decoder.use(form, in: { _ in true })
        for key in ["output_router_logits", "router_aux_loss_coef", "initial_context_length", "experts_per_token"] {
            _ = reader.value(key)
        }
        return decoder.blueprint()
    }
}
