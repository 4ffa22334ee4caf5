/// Phi 3, 3.5 and 4: queries, keys and values in one tensor, gate and up in another, and long contexts that turn by
/// other frequencies.
///
/// Reference: transformers, `models/phi3/modeling_phi3.py`.
enum Phi3: Architecture {
    static let names = ["Phi3ForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily("phi3", architecture: "Phi3ForCausalLM")
        family.layerParts["attn_qkv"] = "self_attn.qkv_proj"
        family.layerParts["ffn_up"] = "mlp.gate_up_proj"
        family.complete = { (_, reader, members) throws(BlueprintError) in
            let window = try reader.integer("attention.sliding_window") ?? 0
            members["sliding_window"] = window == 0 ? .null : .integer(window)
        }
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var spelling = DenseDecoder.Spelling()
        spelling.partialRotary = 1
        var decoder = try DenseDecoder("Phi3ForCausalLM", &reader, mayOmitKeyValueHeads: true, spelling: spelling)
        decoder.isFused = true
        let window = try reader.integer("sliding_window")
        try reader.check(window: window)
        decoder.window = { _ in window }
        // The rotation has read it where it counts.
        _ = try reader.integer("original_max_position_embeddings")
        for key in ["full_attn_mod", "interpolate_factor"] { try reader.require(key, .integer(1)) }
        return decoder.blueprint()
    }
}
