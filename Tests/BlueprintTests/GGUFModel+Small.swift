import Blueprint

extension GGUFModel {
    private static let layerShapes: [String: [Int]] = [
        "attn_norm.weight": [64], "attn_q.weight": [64, 64], "attn_k.weight": [32, 64], "attn_v.weight": [32, 64],
        "attn_output.weight": [64, 64], "ffn_norm.weight": [64], "ffn_gate.weight": [96, 64],
        "ffn_up.weight": [96, 64],
        "ffn_down.weight": [64, 96],
    ]

    /// A file of two layers, with some keys and tensors replaced, or removed where the new value is nil.
    static func small(
        _ family: String, _ changes: [String: ConfigurationValue?] = [:], shapes: [String: [Int]?] = [:],
        vectors: [String: [Float]] = [:]
    ) throws -> GGUFModel {
        var metadata: [String: ConfigurationValue] = [
            "general.architecture": .string(family), "general.file_type": .integer(7), "other.key": .string("x"),
            "\(family).context_length": .integer(4096), "\(family).embedding_length": .integer(64),
            "\(family).block_count": .integer(2), "\(family).feed_forward_length": .integer(96),
            "\(family).attention.head_count": .integer(4), "\(family).attention.head_count_kv": .integer(2),
            "\(family).attention.layer_norm_rms_epsilon": .real(1e-5), "\(family).vocab_size": .integer(100),
            "\(family).rope.dimension_count": .integer(16), "\(family).rope.freq_base": .real(500_000),
            "tokenizer.ggml.eos_token_id": .integer(7),
        ]
        for (key, value) in changes { metadata[key] = value }
        var all: [String: [Int]] = [
            "token_embd.weight": [100, 64], "output_norm.weight": [64], "output.weight": [100, 64],
        ]
        for layer in 0..<2 { for (name, shape) in layerShapes { all["blk.\(layer).\(name)"] = shape } }
        for (name, shape) in shapes { all[name] = shape }
        return try GGUFModel(metadata: metadata, shapes: all, vectors: vectors)
    }
}
