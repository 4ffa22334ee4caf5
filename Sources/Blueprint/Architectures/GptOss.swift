/// gpt-oss: a sink in the softmax of every head, windows on every other layer, and experts with biases and a clamped
/// activation, published in four bits.
///
/// Reference: transformers, `models/gpt_oss/modeling_gpt_oss.py`.
enum GptOss: Architecture {
    static let names = ["GptOssForCausalLM"]

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
        form.layouts = [.interleaved]
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
