// Mixtures whose files say how a token chooses, and which of the first layers have none.

extension GGUFMixture {
    /// A mixture of that kind, with shared experts that count in full.
    static func routed(architecture: String, path: String = "mlp") -> GGUFMixture {
        var mixture = GGUFMixture(architecture: architecture, path: path)
        mixture.statesRouting = true
        mixture.isRequired = true
        return mixture
    }

    /// The checkpoint's names of shared experts that count in full.
    var routingParts: [String: String] {
        var parts: [String: String] = [:]
        for name in ["gate", "up", "down"] { parts["ffn_\(name)_shexp"] = "\(path).shared_experts.\(name)_proj" }
        return parts
    }

    /// The checkpoint's names of tensors that are no part's weight or bias in both.
    var layerTensors: [String: String] {
        statesRouting ? ["exp_probs_b.bias": "\(path).\(routerName).e_score_correction_bias"] : [:]
    }

    /// The members of config.json that say what the keys say, but for the function that makes scores of logits.
    func routingMembers(_ reader: inout ConfigurationReader) throws(BlueprintError) -> [String: ConfigurationValue] {
        let width = try reader.count("expert_feed_forward_length")
        let shared = try reader.number("expert_shared_count", default: 0)
        var members: [String: ConfigurationValue] = [:]
        let sharedKey = "expert_shared_feed_forward_length"
        if let sharedWidthKey {
            members[sharedWidthKey] = .integer(try reader.count(sharedKey))
        } else {
            try reader.require(sharedKey, .integer(0), .integer(shared * width))
        }
        // 0 says of both that there is nothing special.
        let factor = try reader.real("expert_weights_scale") ?? 0
        let groups = max(1, try reader.number("expert_group_count", default: 0))
        let chosenGroups = groups == 1 ? 1 : try reader.count("expert_group_used_count")
        if groups == 1 { try reader.require("expert_group_used_count", .integer(0), .integer(1)) }
        let routing: [String: ConfigurationValue] = [
            "n_routed_experts": .integer(try reader.count("expert_count")),
            "num_experts_per_tok": .integer(try reader.count("expert_used_count")),
            "moe_intermediate_size": .integer(width), "n_shared_experts": .integer(shared),
            "first_k_dense_replace": .integer(try reader.number("leading_dense_block_count", default: 0)),
            "norm_topk_prob": .boolean(try reader.boolean("expert_weights_norm", default: false)),
            "routed_scaling_factor": .real(factor == 0 ? 1 : factor),
            "n_group": .integer(groups), "topk_group": .integer(chosenGroups),
        ]
        return members.merging(routing) { $1 }
    }
}
