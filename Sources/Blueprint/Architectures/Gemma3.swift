/// Gemma 3, also the text part of what sees pictures: norms of query and key heads, and layers with a window turn by
/// other frequencies than those without.
///
/// Reference: transformers, `models/gemma3/modeling_gemma3.py` and `configuration_gemma3.py`.
enum Gemma3: Architecture {
    static let names = ["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily(gemma: "gemma3", architecture: "Gemma3ForCausalLM", largestLayerCount: 62)
        let completeAll = family.complete
        family.complete = { (file, reader, members) throws(BlueprintError) in
            try completeAll(file, &reader, &members)
            let window = try reader.integer("attention.sliding_window") ?? 0
            if window != 0 { members["sliding_window"] = .integer(window) }
            members["layer_types"] = try file.layerTypes(&reader, period: window == 0 ? 1 : 6)
            if let cap = try reader.real("final_logit_softcapping"), cap != 0 {
                members["final_logit_softcapping"] = .real(cap)
            }
            let local = try reader.positive("rope.freq_base_swa", default: 10_000)
            try GGUFConfiguration.changeRotary(&members) { rotary in
                rotary = [
                    "full_attention": .object(rotary), "sliding_attention": .object(["rope_theta": .real(local)]),
                ]
            }
        }
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        let part = TextPart(
            kinds: ["gemma3_text"],
            pictureKeys: [
                "boi_token_index", "eoi_token_index", "image_token_id", "image_token_index", "mm_tokens_per_image",
            ],
            otherParts: TextPart.visionParts, isTiedByDefault: true,
            defaults: [
                "hidden_size": .integer(2304), "intermediate_size": .integer(9216), "num_hidden_layers": .integer(26),
                "num_attention_heads": .integer(8), "num_key_value_heads": .integer(4), "vocab_size": .integer(262_208),
                "max_position_embeddings": .integer(131_072), "sliding_window": .integer(4096),
            ])
        return try part.blueprint(&reader, decoder)
    }

    private static func decoder(_ reader: inout ConfigurationReader) throws(BlueprintError) -> DenseDecoder {
        var decoder = try DenseDecoder(gemma: "Gemma3ForCausalLM", &reader, readsRotary: false)
        decoder.hasHeadNorms = true
        decoder.scoreCap = try reader.cap("attn_logit_softcapping", default: nil)
        decoder.logitCap = try reader.cap("final_logit_softcapping", default: nil)
        let older = try reader.integer("_sliding_window_pattern")
        let pattern = try reader.integer("sliding_window_pattern") ?? older ?? 6
        guard pattern > 0 else {
            throw reader.unsupported(
                "sliding_window_pattern", expected: "a number above zero", found: "\(pattern)")
        }
        let windows = try reader.windows(
            layerCount: decoder.layerCount, isWindowed: { !($0 + 1).isMultiple(of: pattern) })
        let (local, global) = try rotaries(&reader, size: decoder.headSize)
        decoder.window = { windows[$0] }
        decoder.rotaryOfLayer = { windows[$0] == nil ? global : local }
        return decoder
    }

    /// The rotations of layers with a window and of those without.
    private static func rotaries(
        _ reader: inout ConfigurationReader, size: Int
    ) throws(BlueprintError) -> (local: Rotary, global: Rotary) {
        guard var kinds = try reader.object("rope_parameters") else {
            let local = try reader.positive("rope_local_base_freq", default: 10_000)
            return (Rotary(size: size, theta: local), try reader.rotary(size: size, defaultTheta: 1_000_000))
        }
        let local = try kinds.rotary(nestedIn: "sliding_attention", size: size, defaultTheta: 10_000)
        let global = try kinds.rotary(nestedIn: "full_attention", size: size, defaultTheta: 1_000_000)
        try kinds.finish()
        return (local, global)
    }
}
