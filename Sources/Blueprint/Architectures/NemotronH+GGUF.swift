extension NemotronH {
    static var ggufFamilies: [GGUFFamily] { ["nemotron_h", "nemotron_h_moe"].map(family) }

    /// As llama.cpp writes and reads it, `conversion/nemotron.py` and `src/models/nemotron-h.cpp`.
    private static func family(_ name: String) -> GGUFFamily {
        var family = GGUFFamily(name, architecture: names[0])
        family.members = ["mlp_hidden_act": .string("relu2")]
        family.epsilonKeys.checkpoint = "layer_norm_epsilon"
        family.statesAttentionBias = false
        family.mixture = .routed(architecture: names[0], path: "mixer")
        family.mixture?.sharedWidthKey = "moe_shared_expert_intermediate_size"
        family.mixture?.isRequired = false
        family.hasLayerNumbers = true
        family.furtherPath = "mtp"
        family.layersPath = "backbone.layers"
        family.outerParts = [
            "token_embd": "backbone.embeddings", "output_norm": "backbone.norm_f", "output": "lm_head",
        ]
        family.layerParts = [
            "attn_norm": "norm", "attn_q": "mixer.q_proj", "attn_k": "mixer.k_proj", "attn_v": "mixer.v_proj",
            "attn_output": "mixer.o_proj", "ffn_up": "mixer.up_proj", "ffn_down": "mixer.down_proj",
            "ssm_in": "mixer.in_proj", "ssm_conv1d": "mixer.conv1d", "ssm_norm": "mixer.norm",
            "ssm_out": "mixer.out_proj",
        ]
        family.layerTensors = ["ssm_a": "mixer.A_log", "ssm_d": "mixer.D", "ssm_dt.bias": "mixer.dt_bias"]
        family.dimensions = [
            "ssm_a": .vector, "ssm_d": .vector, "ssm_norm": .vector, "ssm_conv1d": .convolution,
        ]
        family.changes = ["ssm_a": .logarithmOfNegative]
        family.complete = { (file, reader, members) throws(BlueprintError) in
            let hasExperts = members["n_routed_experts"] != nil
            members["layers_block_type"] = try layerKinds(file, &reader, hasExperts: hasExperts)
            // Nothing turns.
            members["rope_parameters"] = nil
            members["attention_bias"] = .boolean(file.hasSomewhere("attn_q.bias"))
            members["mlp_bias"] = .boolean(file.hasSomewhere("ffn_up.bias"))
            // Every norm is one of mean squares.
            _ = reader.value("attention.layer_norm_epsilon")
            try addStateSpaces(&members, file, &reader)
            guard hasExperts else { return }
            // 2 is the sigmoid of each.
            try reader.require("expert_gating_func", .integer(2))
            if !reader.has("expert_shared_count") { members["n_shared_experts"] = .integer(1) }
            // Which layers have experts is said by their widths.
            try reader.require("leading_dense_block_count", .integer(0))
            members["first_k_dense_replace"] = nil
        }
        return family
    }

    /// What each layer has: a layer with neither key-value heads nor an MLP is a state space.
    private static func layerKinds(
        _ file: GGUFConfiguration, _ reader: inout ConfigurationReader, hasExperts: Bool
    ) throws(BlueprintError) -> ConfigurationValue {
        let heads = try file.layerNumbers("attention.head_count_kv", &reader)
        let widths = try file.layerNumbers("feed_forward_length", &reader)
        for (numbers, what) in [(heads, "attention.head_count_kv"), (widths, "feed_forward_length")] {
            guard Set(numbers).subtracting([0]).count > 1 else { continue }
            throw .unsupportedValue(
                key: "\(file.family.name).\(what)", expected: "one number, and 0 for layers that have none",
                found: "\(numbers)")
        }
        guard let both = heads.indices.first(where: { heads[$0] > 0 && widths[$0] > 0 }) else {
            return .array(
                zip(heads, widths).map { heads, width in
                    .string(width > 0 ? hasExperts ? "moe" : "mlp" : heads > 0 ? "full_attention" : "linear_attention")
                })
        }
        throw .inconsistent(
            expected: "a layer of '\(file.family.name)' to have an attention, an MLP or neither",
            found: "layer \(both) with both")
    }

    private static func addStateSpaces(
        _ members: inout [String: ConfigurationValue], _ file: GGUFConfiguration, _ reader: inout ConfigurationReader
    ) throws(BlueprintError) {
        let heads = try reader.count("ssm.time_step_rank")
        let channels = try reader.count("ssm.inner_size")
        guard channels.isMultiple(of: heads) else {
            throw .inconsistent(
                expected: "'ssm.inner_size' to be a multiple of 'ssm.time_step_rank', \(heads)", found: "\(channels)")
        }
        members["mamba_num_heads"] = .integer(heads)
        members["mamba_head_dim"] = .integer(channels / heads)
        members["n_groups"] = .integer(try reader.count("ssm.group_count"))
        members["ssm_state_size"] = .integer(try reader.count("ssm.state_size"))
        members["conv_kernel"] = .integer(try reader.count("ssm.conv_kernel"))
        members["use_conv_bias"] = .boolean(file.hasSomewhere("ssm_conv1d.bias"))
    }
}
