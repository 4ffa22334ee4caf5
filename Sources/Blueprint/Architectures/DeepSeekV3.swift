import Foundation

/// DeepSeek V3 and R1: latent attention, and sigmoids that choose the experts in groups, after some dense layers.
///
/// Reference: transformers, `models/deepseek_v3/modeling_deepseek_v3.py`.
enum DeepSeekV3: Architecture {
    static let names = ["DeepseekV3ForCausalLM"]

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder(deepSeek: names[0], &reader)
        try reader.require("scoring_func", .string("sigmoid"))
        try reader.require("topk_method", .string("noaux_tc"))
        let form = try ExpertForm(sigmoid: &reader)
        let dense = try reader.number("first_k_dense_replace", default: 3)
        try decoder.use(form, in: { $0 >= dense })
        return decoder.blueprint()
    }
}

extension DenseDecoder {
    /// The published value of the norms inside the attention, whatever config.json says of the others.
    private static let innerEpsilon: Float = 1e-6

    /// Reads what all DeepSeek models with latent attention have.
    init(deepSeek name: String, _ reader: inout ConfigurationReader) throws(BlueprintError) {
        let turning = try reader.count("qk_rope_head_dim")
        guard turning.isMultiple(of: 2) else {
            throw .unsupportedValue(key: "qk_rope_head_dim", expected: "an even number", found: "\(turning)")
        }
        let content = try reader.count("qk_nope_head_dim")
        let size = try reader.count("kv_lora_rank")
        let valueSize = try reader.count("v_head_dim")
        let reduced = try reader.value("q_lora_rank") == nil ? nil : reader.count("q_lora_rank")
        var spelling = Spelling()
        spelling.headSize = size + turning
        spelling.rotarySize = turning
        try self.init(name, &reader, mayOmitKeyValueHeads: true, spelling: spelling)
        // The turning channels once more, and keys for training.
        for key in ["head_dim", "ep_size", "seq_aux", "aux_loss_alpha"] { _ = reader.value(key) }
        try reader.require("attention_bias", .boolean(false))
        try reader.require("moe_layer_freq", .integer(1))
        try reader.require("qk_head_dim", .integer(content + turning))
        let isInterleaved = try reader.boolean("rope_interleave", default: true)
        furtherLayers = try reader.number("num_nextn_predict_layers", default: 0)
        try check(channels: heads, times: content + max(turning, valueSize), "heads")
        scale = try Self.scale(&reader, headSize: content + turning)
        let shape = LatentForm(
            turning: turning, content: content, size: size, valueSize: valueSize, reduced: reduced,
            isInterleaved: isInterleaved, epsilon: Self.innerEpsilon)
        mixer = { number, path, decoder in
            .attention(decoder.attention(shape, number, "\(path).self_attn"))
        }
    }

    /// One over the root of the head size, times what stretched frequencies ask for, twice.
    private static func scale(
        _ reader: inout ConfigurationReader, headSize: Int
    ) throws(BlueprintError) -> Float {
        let plain = 1 / Double(headSize).squareRoot()
        let older = try reader.object("rope_scaling")
        guard var rotary = try reader.object("rope_parameters") ?? older,
            let ofAll = try rotary.real("mscale_all_dim"), ofAll != 0, let factor = try rotary.real("factor"),
            factor > 1
        else { return Float(plain) }
        let magnitude = 0.1 * ofAll * log(factor) + 1
        return Float(plain * magnitude * magnitude)
    }
}
