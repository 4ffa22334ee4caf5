/// Granite 3: Llama with multipliers of the embedding, the scores, the branches and the logits.
///
/// Reference: transformers, `models/granite/modeling_granite.py`.
enum Granite: Architecture {
    static let names = ["GraniteForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily("granite", architecture: "GraniteForCausalLM")
        family.pairsRotaryRows = true
        family.hasLayerNumbers = true
        family.complete = { (file, reader, members) throws(BlueprintError) in
            // In this family it says whether anything turns.
            try reader.require("rope.scaling.finetuned", .boolean(true))
            let scale = 1 / Double(file.headSize).squareRoot()
            members["attention_multiplier"] = .real(try reader.positive("attention.scale", default: scale))
            members["embedding_multiplier"] = .real(try reader.positive("embedding_scale", default: 1))
            members["residual_multiplier"] = .real(try reader.positive("residual_scale", default: 1))
            members["logits_scaling"] = .real(try reader.positive("logit_scale"))
            try readHybridKeys(file, &reader, &members)
        }
        return family
    }

    /// Reads what files of the fourth generation say of layers with states and of shared experts, and have none of: all
    /// layers have an attention, and what is named a shared expert is the MLP.
    private static func readHybridKeys(
        _ file: GGUFConfiguration, _ reader: inout ConfigurationReader, _ members: inout [String: ConfigurationValue]
    ) throws(BlueprintError) {
        let key = "attention.head_count_kv"
        let heads = try reader.has(key) ? Set(file.layerNumbers(key, &reader)) : []
        guard heads.count <= 1 else {
            throw .unsupportedValue(
                key: "granite.attention.head_count_kv", expected: "the same number for every layer",
                found: "\(heads.sorted())")
        }
        if let width = try reader.integer("expert_shared_feed_forward_length"), width != 0 {
            members["intermediate_size"] = .integer(width)
        }
        guard !file.shapes.keys.contains(where: { $0.contains(".ssm_") }) else { return }
        for key in ["conv_kernel", "state_size", "group_count", "inner_size", "time_step_rank"] {
            _ = reader.value("ssm.\(key)")
        }
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("GraniteForCausalLM", &reader, mayOmitKeyValueHeads: true)
        try decoder.readAttentionBias(&reader)
        decoder.hasMLPBias = try reader.boolean("mlp_bias", default: false)
        decoder.embeddingFactor = Float(try reader.positive("embedding_multiplier", default: 1))
        decoder.scale = Float(try reader.positive("attention_multiplier", default: 1))
        decoder.branchFactor = Float(try reader.positive("residual_multiplier", default: 1))
        decoder.logitFactor = Float(1 / (try reader.positive("logits_scaling", default: 1)))
        return decoder.blueprint()
    }
}
