/// Qwen 3 Next: delta nets, every few layers an attention with a gate, and experts with a shared one.
///
/// Reference: transformers, `models/qwen3_next/modeling_qwen3_next.py`.
enum Qwen3Next: Architecture {
    static let names = ["Qwen3NextForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily(hybrid: "qwen3next", architecture: "Qwen3NextForCausalLM", hasExperts: true)
        // Older files have projections in one tensor as a checkpoint has them.
        family.layerParts["ssm_in"] = "linear_attn.in_proj_qkvz"
        family.layerParts["ssm_ba"] = "linear_attn.in_proj_ba"
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder(hybrid: "Qwen3NextForCausalLM", &reader)
        var form = try ExpertForm(qwen: &reader, isNormalizedByDefault: true)
        form.shared = ("shared_expert", try reader.count("shared_expert_intermediate_size"))
        form.hasSharedGate = true
        let layers = try reader.mixtureLayers(layerCount: decoder.layerCount)
        try decoder.use(form, in: layers.contains)
        decoder.ignoredPrefixes = ["mtp."]
        return decoder.blueprint()
    }
}

/// Qwen 3.5, dense and with experts, also the text part of what sees pictures.
///
/// Reference: transformers, `models/qwen3_5/modeling_qwen3_5.py`, `models/qwen3_5_moe/modeling_qwen3_5_moe.py`.
enum Qwen35: Architecture {
    private static let wrappers = ["Qwen3_5ForConditionalGeneration", "Qwen3_5MoeForConditionalGeneration"]
    static let names = ["Qwen3_5ForCausalLM", "Qwen3_5MoeForCausalLM"] + wrappers

    static var ggufFamilies: [GGUFFamily] {
        let dense = GGUFFamily(hybrid: "qwen35", architecture: "Qwen3_5ForCausalLM", hasExperts: false)
        var mixed = GGUFFamily(hybrid: "qwen35moe", architecture: "Qwen3_5MoeForCausalLM", hasExperts: true)
        let completeAll = mixed.complete
        mixed.complete = { (file, reader, members) throws(BlueprintError) in
            try completeAll(file, &reader, &members)
            // No layer has an MLP beside its experts.
            members["intermediate_size"] = nil
        }
        return [dense, mixed].map { family in
            var family = family
            family.partOrder = GGUFFamily.dealtValueHeads
            return family
        }
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        let part = TextPart(
            kinds: ["qwen3_5_text", "qwen3_5_moe_text"],
            pictureKeys: ["image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"],
            otherParts: ["vision_tower": "model.visual", "language_model.mtp": "mtp"], isTiedByDefault: false)
        return try part.blueprint(&reader, decoder)
    }

    private static func decoder(_ reader: inout ConfigurationReader) throws(BlueprintError) -> DenseDecoder {
        let hasExperts = reader.has("num_experts") || reader.has("num_local_experts")
        var decoder = try DenseDecoder(
            hybrid: hasExperts ? "Qwen3_5MoeForCausalLM" : "Qwen3_5ForCausalLM", &reader, hasMLP: !hasExperts)
        guard hasExperts else { return decoder }
        var form = try ExpertForm(qwen: &reader, isNormalizedByDefault: true)
        form.isNormalized = true
        form.shared = ("shared_expert", try reader.count("shared_expert_intermediate_size"))
        form.hasSharedGate = true
        try decoder.use(form, in: { _ in true })
        return decoder
    }
}

extension DenseDecoder {
    /// Reads what all models share that have an attention with a gate every few layers, and delta nets between.
    init(
        hybrid architecture: String, _ reader: inout ConfigurationReader, hasMLP: Bool = true
    ) throws(BlueprintError) {
        var spelling = Spelling()
        spelling.partialRotary = 0.25
        spelling.hasMLP = hasMLP
        try self.init(architecture, &reader, defaultHeadSize: 256, spelling: spelling)
        try reader.require("attention_bias", .boolean(false))
        try reader.require("attn_output_gate", .boolean(true))
        try reader.require("output_gate_type", .string("swish"))
        // How others store states, and layers that are left out.
        for key in ["mamba_ssm_dtype", "mtp_num_hidden_layers", "mtp_use_dedicated_embeddings"] {
            _ = reader.value(key)
        }
        normAddend = 1
        hasHeadNorms = true
        hasOutputGate = true
        let interval = try reader.count("full_attention_interval", default: 4)
        let types = try reader.strings("layer_types")
        let form = try DeltaNetForm(&reader)
        try check(channels: form.valueHeads, times: max(form.keySize, form.valueSize), "value heads")
        guard types?.count ?? layerCount == layerCount,
            types?.allSatisfy({ ["linear_attention", "full_attention"].contains($0) }) ?? true
        else {
            throw .inconsistent(
                expected: "'layer_types' to have \(layerCount) entries, \"linear_attention\" or \"full_attention\"",
                found: "\(types ?? [])")
        }
        mixer = { number, path, decoder in
            let isAttention = types.map { $0[number] == "full_attention" } ?? (number + 1).isMultiple(of: interval)
            return isAttention ? nil : .deltaNet(decoder.deltaNet(form, number, "\(path).linear_attn"))
        }
    }
}
