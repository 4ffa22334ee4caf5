/// Nemotron H: one mixer in each layer, Mamba 2, attention without positions, plain MLPs or experts.
///
/// Reference: transformers, `models/nemotron_h/modeling_nemotron_h.py`.
enum NemotronH: Architecture {
    static let names = ["NemotronHForCausalLM"]

    /// What a layer has.
    private enum Kind: String {
        case stateSpace = "linear_attention"
        case attention = "full_attention"
        case mlp
        case experts = "moe"

        /// From a word, of older files too, or from a letter of their pattern.
        static func named(_ word: String) -> Kind? {
            switch word {
            case "M", "mamba": .stateSpace
            case "*", "attention": .attention
            case "-": .mlp
            case "E": .experts
            default: Kind(rawValue: word)
            }
        }
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        let kinds = try kinds(&reader)
        var spelling = DenseDecoder.Spelling()
        spelling.activation = "mlp_hidden_act"
        spelling.activations = ["relu2": .squaredReLU]
        spelling.epsilon = "layer_norm_epsilon"
        spelling.rotarySize = 0
        // Older files have a name of their own for it, those that were read and written again both.
        if let older = reader.value("attention_head_dim") {
            spelling.headSize = try reader.count("attention_head_dim")
            try reader.require("head_dim", older)
        }
        spelling.layerCount = kinds.count
        var decoder = try DenseDecoder("NemotronHForCausalLM", &reader, spelling: spelling)
        try decoder.readAttentionBias(&reader)
        decoder.hasMLPBias = try reader.boolean("mlp_bias", default: false)
        decoder.mlpNames = (nil, "up_proj", "down_proj")
        decoder.root = "backbone"
        decoder.attentionName = "mixer"
        decoder.ignoredPrefixes = ["mtp."]
        let form = try StateSpaceForm(&reader)
        try decoder.check(channels: form.heads, times: max(form.headSize, form.stateSize), "Mamba heads")
        let experts = kinds.contains(.experts) ? try expertForm(&reader) : nil
        if let experts { try decoder.use(experts, in: { kinds[$0] == .experts }) }
        guard experts == nil || !decoder.hasMLPBias else {
            throw .unsupportedValue(key: "mlp_bias", expected: "false, in a model with experts", found: "true")
        }
        guard reader.value("sliding_window") == nil else {
            throw .unsupportedValue(key: "sliding_window", expected: "null", found: "a window")
        }
        try checkSteps(&reader)
        for key in ["norm_eps", "rms_norm_eps"] {
            guard let other = try reader.real(key), Float(other) != decoder.epsilon else { continue }
            throw .unsupportedValue(key: key, expected: "\(decoder.epsilon)", found: "\(other)")
        }
        skipKeys(&reader)
        var blueprint = decoder.blueprint()
        blueprint.embedding.name = "backbone.embeddings.weight"
        blueprint.finalNorm.weight.name = "backbone.norm_f.weight"
        blueprint.layers = kinds.enumerated().map { number, kind in
            let path = "backbone.layers.\(number)"
            let mixer: Mixer =
                switch (kind, experts) {
                case (.stateSpace, _): .stateSpace(decoder.stateSpace(form, number, "\(path).mixer"))
                case (.attention, _): .attention(decoder.attention(number, path))
                case (.experts, let experts?): .experts(decoder.mixture(experts, "\(path).mixer", layer: number))
                case (.mlp, _), (.experts, nil):
                    .mlp(decoder.mlp("\(path).mixer", layer: number, width: decoder.mlpWidth))
                }
            return Layer(branches: [Branch(norm: decoder.norm("\(path).norm", decoder.width), mixer: mixer)])
        }
        return blueprint
    }

    /// Refuses steps that are cut off.
    private static func checkSteps(_ reader: inout ConfigurationReader) throws(BlueprintError) {
        guard case .array(let limits)? = reader.value("time_step_limit") else { return }
        let isOpen = limits.count == 2 && [.integer(0), .real(0)].contains(limits[0])
        switch limits.last {
        case .integer?: break
        case .real(let upper)? where upper != .infinity: break
        // As transformers and mlx-lm write it too: {"__float__": "Infinity"}.
        default: if isOpen { return }
        }
        throw .unsupportedValue(key: "time_step_limit", expected: "[0, Infinity]", found: "\(limits)")
    }

    private static func kinds(_ reader: inout ConfigurationReader) throws(BlueprintError) -> [Kind] {
        let pattern = try reader.string("hybrid_override_pattern").map { $0.map(String.init) }
        let words = try reader.strings("layers_block_type") ?? pattern ?? []
        let kinds = words.compactMap(Kind.named)
        guard !kinds.isEmpty, kinds.count == words.count else {
            throw .unsupportedValue(
                key: "layers_block_type", expected: "linear_attention, full_attention, mlp or moe for each layer",
                found: "\(words)")
        }
        let count = try reader.integer("num_hidden_layers")
        guard count ?? kinds.count == kinds.count else {
            throw .inconsistent(
                expected: "'num_hidden_layers' to be \(kinds.count), as many as there are kinds", found: "\(count ?? 0)"
            )
        }
        return kinds
    }

    private static func expertForm(_ reader: inout ConfigurationReader) throws(BlueprintError) -> ExpertForm {
        var form = try ExpertForm(sigmoid: &reader)
        if form.shared != nil {
            form.shared = ("shared_experts", try reader.count("moe_shared_expert_intermediate_size"))
        }
        guard reader.value("moe_latent_size") == nil else {
            throw .unsupportedValue(key: "moe_latent_size", expected: "null", found: "a number")
        }
        form.layouts = [
            .each(gate: "gate_proj", up: "up_proj", down: "down_proj"), .stacked(path: "switch_mlp"),
            .stacked(path: "switch_mlp", up: "fc1", down: "fc2"),
        ]
        return form
    }

    /// Keys that count for training, for other libraries, or for layers that there are not.
    private static func skipKeys(_ reader: inout ConfigurationReader) {
        for key in [
            "chunk_size", "expand", "mamba_ssm_cache_dtype", "moe_intermediate_size", "moe_latent_size",
            "moe_shared_expert_intermediate_size", "moe_shared_expert_overlap", "mtp_layers_block_type", "n_group",
            "n_routed_experts", "n_shared_experts", "norm_topk_prob", "num_experts_per_tok", "num_logits_to_keep",
            "num_nextn_predict_layers", "output_router_logits", "rescale_prenorm_residual", "residual_in_fp32",
            "routed_scaling_factor", "time_step_floor", "time_step_limit", "time_step_max", "rope_theta",
            "partial_rotary_factor",
            "time_step_min", "time_step_rank", "topk_group", "use_mamba_kernels", "mtp_hybrid_override_pattern",
        ] { _ = reader.value(key) }
    }
}
