/// How GGUF files have DeepSeek V2 and V3, and the models published in their form.
///
/// Older files have what expands latents to keys and values in one tensor, as a checkpoint does; newer ones have it in
/// two, the first of them the other way round, and say of the heads what a cache holds.
extension DeepSeekV3 {
    static var gguf: GGUFFamily? {
        var family = GGUFFamily("deepseek2", architecture: names[0])
        family.hasLatents = true
        family.furtherPath = "model.layers"
        family.mixture = .routed(architecture: names[0])
        family.layerParts.merge([
            "attn_q_a": "self_attn.q_a_proj", "attn_q_a_norm": "self_attn.q_a_layernorm",
            "attn_q_b": "self_attn.q_b_proj", "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa",
            "attn_kv_a_norm": "self_attn.kv_a_layernorm", "attn_kv_b": "self_attn.kv_b_proj",
            "attn_k_b": "self_attn.k_b_proj", "attn_v_b": "self_attn.v_b_proj",
        ]) { $1 }
        family.complete = { (file, reader, members) throws(BlueprintError) in
            try addLatents(file, &reader, &members)
            try addScoring(file, &reader, &members)
            addGroups(reader, &members)
            try addMagnitude(&reader, &members)
        }
        return family
    }

    private static func addLatents(
        _ file: GGUFConfiguration, _ reader: inout ConfigurationReader, _ members: inout [String: ConfigurationValue]
    ) throws(BlueprintError) {
        let (turning, size) = (file.headSize, try reader.count("attention.kv_lora_rank"))
        let saysBoth = reader.has("attention.key_length_mla")
        let keySize = try reader.count(saysBoth ? "attention.key_length_mla" : "attention.key_length")
        let valueSize = try reader.count(saysBoth ? "attention.value_length_mla" : "attention.value_length")
        if saysBoth {
            try reader.require("attention.key_length", .integer(size + turning))
            try reader.require("attention.value_length", .integer(size))
        }
        guard keySize > turning else {
            throw .inconsistent(
                expected: "keys to have more than the 'rope.dimension_count' channels that turn, \(turning)",
                found: "\(keySize)")
        }
        members["kv_lora_rank"] = .integer(size)
        members["qk_rope_head_dim"] = .integer(turning)
        members["qk_nope_head_dim"] = .integer(keySize - turning)
        members["v_head_dim"] = .integer(valueSize)
        let reduced = try reader.integer("attention.q_lora_rank") ?? 0
        if reduced != 0 { members["q_lora_rank"] = .integer(reduced) }
    }

    /// Reads what makes scores of logits: 1 is a softmax over all experts, 2 a sigmoid of each. Files of before there
    /// was the key have corrections where it is a sigmoid.
    private static func addScoring(
        _ file: GGUFConfiguration, _ reader: inout ConfigurationReader, _ members: inout [String: ConfigurationValue]
    ) throws(BlueprintError) {
        try reader.require("expert_gating_func", .integer(0), .integer(1), .integer(2))
        let stated = try reader.integer("expert_gating_func") ?? 0
        let isSigmoid = stated == 2 || (stated == 0 && file.shapes.keys.contains { $0.hasSuffix(".exp_probs_b.bias") })
        members["scoring_func"] = .string(isSigmoid ? "sigmoid" : "softmax")
        if isSigmoid { return }
        members["architectures"] = .array([.string(DeepSeekV2.names[0])])
        try reader.require("expert_weights_norm", .boolean(false))
    }

    /// Adds the groups that older files don't state, as models of so many experts have been published, and how V2's are
    /// chosen: by the highest score of each.
    private static func addGroups(_ reader: ConfigurationReader, _ members: inout [String: ConfigurationValue]) {
        let isSoftmax = members["scoring_func"] == .string("softmax")
        if !reader.has("expert_group_count"), members["n_routed_experts"] == .integer(isSoftmax ? 160 : 256) {
            members["n_group"] = .integer(8)
            members["topk_group"] = .integer(isSoftmax ? 3 : 4)
        }
        guard isSoftmax, members["n_group"] != .integer(1) else { return }
        members["topk_method"] = .string(DeepSeekV2.groupsMethod)
    }

    /// Reads a tenth of what stretched frequencies make of scores, and of cosines and sines as much: those of every
    /// published model stay as they are.
    private static func addMagnitude(
        _ reader: inout ConfigurationReader, _ members: inout [String: ConfigurationValue]
    ) throws(BlueprintError) {
        try GGUFConfiguration.changeRotary(&members) { (rotary) throws(BlueprintError) in
            guard rotary["rope_type"] == .string("yarn") else {
                return try reader.require("rope.scaling.yarn_log_multiplier", .real(0))
            }
            let magnitude = 10 * (try reader.positive("rope.scaling.yarn_log_multiplier"))
            rotary["mscale"] = .real(magnitude)
            rotary["mscale_all_dim"] = .real(magnitude)
        }
    }
}
