extension GGUFFamily {
    /// What files have of models with delta nets and an attention with a gate every few layers.
    ///
    /// As llama.cpp writes and reads them, `conversion/qwen.py` and `src/models/qwen35.cpp`.
    init(hybrid name: String, architecture: String, hasExperts: Bool) {
        self.init(name, architecture: architecture)
        furtherPath = "mtp"
        layerParts["ffn_norm"] = nil
        layerParts.merge([
            "post_attention_norm": "post_attention_layernorm", "attn_qkv": "linear_attn.in_proj_qkv",
            "attn_gate": "linear_attn.in_proj_z", "ssm_alpha": "linear_attn.in_proj_a",
            "ssm_beta": "linear_attn.in_proj_b", "ssm_conv1d": "linear_attn.conv1d", "ssm_norm": "linear_attn.norm",
            "ssm_out": "linear_attn.out_proj",
        ]) { $1 }
        layerTensors = ["ssm_a": "linear_attn.A_log", "ssm_dt.bias": "linear_attn.dt_bias"]
        dimensions["ssm_conv1d"] = .convolution
        for part in ["attn_norm", "post_attention_norm", "attn_q_norm", "attn_k_norm", "output_norm"] {
            changes[part] = .lessOne
        }
        changes["ssm_a"] = .logarithmOfNegative
        complete = { (file, reader, members) throws(BlueprintError) in
            try Self.addDeltaNets(&members, &reader)
            members["layer_types"] = try Self.layerTypes(file, &reader)
            // All of a head turns where the file says nothing, where a checkpoint has a quarter.
            try GGUFConfiguration.changeRotary(&members) { rotary in
                rotary["partial_rotary_factor"] = rotary["partial_rotary_factor"] ?? .real(1)
            }
        }
        guard hasExperts else { return }
        var mixture = GGUFMixture(architecture: architecture, path: "mlp")
        mixture.widthKey = "moe_intermediate_size"
        mixture.sharedWidthKey = "shared_expert_intermediate_size"
        mixture.isRequired = true
        self.mixture = mixture
    }

    private static func addDeltaNets(
        _ members: inout [String: ConfigurationValue], _ reader: inout ConfigurationReader
    ) throws(BlueprintError) {
        let keyHeads = try reader.count("ssm.group_count")
        let valueHeads = try reader.count("ssm.time_step_rank")
        let channels = try reader.count("ssm.inner_size")
        guard valueHeads.isMultiple(of: keyHeads), channels.isMultiple(of: valueHeads) else {
            throw .inconsistent(
                expected: "'ssm.inner_size' to be a multiple of 'ssm.time_step_rank', and that of 'ssm.group_count'",
                found: "\(channels), \(valueHeads) and \(keyHeads)")
        }
        members["linear_num_key_heads"] = .integer(keyHeads)
        members["linear_num_value_heads"] = .integer(valueHeads)
        members["linear_key_head_dim"] = .integer(try reader.count("ssm.state_size"))
        members["linear_value_head_dim"] = .integer(channels / valueHeads)
        members["linear_conv_kernel_dim"] = .integer(try reader.count("ssm.conv_kernel"))
    }

    private static func layerTypes(
        _ file: GGUFConfiguration, _ reader: inout ConfigurationReader
    ) throws(BlueprintError) -> ConfigurationValue {
        let interval = try reader.count("full_attention_interval", default: 4)
        let key = "attention.recurrent_layers"
        let stated = try reader.booleans(key)
        let isRecurrent = stated ?? (1...file.layerCount).map { !$0.isMultiple(of: interval) }
        // Layers that are left out may have their say too.
        guard isRecurrent.count >= file.layerCount else {
            throw .inconsistent(
                expected: "'\(file.family.name).\(key)' to have \(file.layerCount) elements, one per layer",
                found: "\(isRecurrent.count)")
        }
        return .array(
            isRecurrent.prefix(file.layerCount).map { .string($0 ? "linear_attention" : "full_attention") })
    }

    /// The order of value heads in files that have the first of each key head before the second of any.
    static func dealtValueHeads(_ part: String, _ members: [String: ConfigurationValue]) -> HeadOrder? {
        func count(_ key: String) -> Int {
            if case .integer(let count)? = members["linear_\(key)"] { count } else { 1 }
        }
        let keyHeads = count("num_key_heads")
        var order = GGUFHeadOrder(
            groupCount: keyHeads, groupSize: count("num_value_heads") / keyHeads, headSize: count("value_head_dim"))
        guard order.groupSize > 1 else { return nil }
        switch part {
        case "attn_qkv", "ssm_conv1d":
            // Queries and keys come first.
            order.start = 2 * keyHeads * count("key_head_dim")
            return .rows(order)
        case "attn_gate":
            return .rows(order)
        case "ssm_alpha", "ssm_beta", "ssm_a", "ssm_dt":
            order.headSize = 1
            return .rows(order)
        case "ssm_out":
            return .columns(order)
        default:
            return nil
        }
    }
}
