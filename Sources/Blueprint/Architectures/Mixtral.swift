/// Mixtral: Mistral whose MLPs are mixtures of experts.
///
/// Reference: transformers, `models/mixtral/modeling_mixtral.py`.
enum Mixtral: Architecture {
    static let names = ["MixtralForCausalLM"]

    /// How GGUF files have it, in which it is a Llama with experts.
    static var ggufMixture: GGUFMixture {
        var mixture = GGUFMixture(architecture: "MixtralForCausalLM", path: "block_sparse_moe")
        mixture.countKey = "num_local_experts"
        return mixture
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("MixtralForCausalLM", &reader)
        let window = try reader.integer("sliding_window")
        try reader.check(window: window)
        decoder.window = { _ in window }
        let count = try reader.count("num_local_experts", default: 8)
        var form = ExpertForm(
            count: count, width: decoder.mlpWidth, scoring: .softmax,
            chosenCount: try reader.chosenCount(of: count, default: 2), isNormalized: true)
        form.path = "block_sparse_moe"
        form.layouts = [.each(gate: "w1", up: "w3", down: "w2"), .stacked(path: "switch_mlp")]
        try decoder.use(form, in: { _ in true })
        // They count for training only.
        for key in ["output_router_logits", "router_aux_loss_coef", "router_jitter_noise"] { _ = reader.value(key) }
        return decoder.blueprint()
    }
}
