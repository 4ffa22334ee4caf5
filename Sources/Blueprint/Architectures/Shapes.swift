/// Models of common sizes for measurements: the shape of one, without its numbers.
enum Shapes {
    /// A shape as the keys of config.json say it.
    private struct Shape {
        let name: String
        let width: Int
        let layers: Int
        let heads: Int
        let keyValueHeads: Int
        let headSize: Int
        let mlpWidth: Int
        let vocabulary: Int
        let isTied: Bool

        var configuration: String {
            """
            {"architectures": ["\(Llama.names[0])"], "hidden_size": \(width), "num_hidden_layers": \(layers),
             "num_attention_heads": \(heads), "num_key_value_heads": \(keyValueHeads), "head_dim": \(headSize),
             "intermediate_size": \(mlpWidth), "vocab_size": \(vocabulary), "max_position_embeddings": 131072,
             "rms_norm_eps": 1e-5, "rope_theta": 500000, "tie_word_embeddings": \(isTied), "hidden_act": "silu"}
            """
        }
    }

    private static let all = [
        Shape(
            name: "llama-tiny", width: 96, layers: 2, heads: 6, keyValueHeads: 3, headSize: 16, mlpWidth: 256,
            vocabulary: 512, isTied: true),
        Shape(
            name: "llama-100m", width: 768, layers: 12, heads: 12, keyValueHeads: 4, headSize: 64, mlpWidth: 2048,
            vocabulary: 32000, isTied: true),
        Shape(
            name: "llama-1b", width: 2048, layers: 16, heads: 32, keyValueHeads: 8, headSize: 64, mlpWidth: 8192,
            vocabulary: 128_256, isTied: true),
        // An eighth of the layers and of the vocabulary: as much of each kind of work, in proportion.
        Shape(
            name: "llama-8b-slice", width: 4096, layers: 4, heads: 32, keyValueHeads: 8, headSize: 128,
            mlpWidth: 14336, vocabulary: 16032, isTied: false),
        Shape(
            name: "llama-8b", width: 4096, layers: 32, heads: 32, keyValueHeads: 8, headSize: 128, mlpWidth: 14336,
            vocabulary: 128_256, isTied: false),
    ]

    /// Shapes with other mixers: a few layers of published models, with the keys that their families have.
    private static let others: [(name: String, configuration: String)] = [
        (
            "moe-tiny",
            mixture(width: 64, layers: 2, heads: 4, keyValueHeads: 2, headSize: 16, experts: 128, expertWidth: 32, 500)
        ),
        (
            "hybrid-tiny",
            hybrid(
                width: 64, heads: 4, headSize: 16, keyHeads: 2, valueHeads: 4, stateSize: 16, 128, 500,
                layers: Array(repeating: "linear_attention", count: 3) + ["full_attention"])
        ),
        (
            "mamba-tiny",
            mamba(width: 64, heads: 4, headSize: 16, stateHeads: 8, groups: 2, stateSize: 16, 128, 500, "M-*-")
        ),
        // Delta nets, and attention of the same width: what they are held against.
        ("delta-slice", hybridSlice("linear_attention")), ("gated-slice", hybridSlice("full_attention")),
        // Mamba 2, and attention with as many channels.
        ("mamba-slice", mambaSlice("M-M-")), ("attention-slice", mambaSlice("*-*-")),
        (
            "moe-8-slice",
            mixture(
                width: 4096, layers: 1, heads: 32, keyValueHeads: 8, headSize: 128, experts: 8, expertWidth: 14336,
                chosen: 2, 8016)
        ),
        (
            "moe-128-slice",
            mixture(
                width: 2048, layers: 4, heads: 32, keyValueHeads: 4, headSize: 128, experts: 128, expertWidth: 768,
                16032)
        ),
    ]

    private static func mixture(
        width: Int, layers: Int, heads: Int, keyValueHeads: Int, headSize: Int, experts: Int, expertWidth: Int,
        chosen: Int = 8, _ vocabulary: Int
    ) -> String {
        """
        {"architectures": ["\(Qwen3MoE.names[0])"], "hidden_size": \(width), "num_hidden_layers": \(layers),
         "num_attention_heads": \(heads), "num_key_value_heads": \(keyValueHeads), "head_dim": \(headSize),
         "intermediate_size": \(expertWidth), "moe_intermediate_size": \(expertWidth), "num_experts": \(experts),
         "num_experts_per_tok": \(chosen), "norm_topk_prob": true, "vocab_size": \(vocabulary), "hidden_act": "silu",
         "max_position_embeddings": 131072, "rope_theta": 1000000, "tie_word_embeddings": true}
        """
    }

    private static func hybridSlice(_ kind: String) -> String {
        hybrid(
            width: 2048, heads: 16, headSize: 256, keyHeads: 16, valueHeads: 32, stateSize: 128, 4096, 16032,
            layers: Array(repeating: kind, count: 4))
    }

    private static func mambaSlice(_ pattern: String) -> String {
        mamba(
            width: 2688, heads: 32, headSize: 128, stateHeads: 64, groups: 8, stateSize: 128, 4096, 16032, pattern)
    }

    private static func hybrid(
        width: Int, heads: Int, headSize: Int, keyHeads: Int, valueHeads: Int, stateSize: Int, _ mlpWidth: Int,
        _ vocabulary: Int, layers: [String]
    ) -> String {
        """
        {"architectures": ["\(Qwen35.names[0])"], "hidden_size": \(width), "num_hidden_layers": \(layers.count),
         "layer_types": \(ConfigurationValue.array(layers.map { .string($0) })),
         "num_attention_heads": \(heads), "num_key_value_heads": 2, "head_dim": \(headSize),
         "intermediate_size": \(mlpWidth), "linear_num_key_heads": \(keyHeads), "linear_num_value_heads": \(valueHeads),
         "linear_key_head_dim": \(stateSize), "linear_value_head_dim": \(stateSize), "vocab_size": \(vocabulary),
         "hidden_act": "silu", "max_position_embeddings": 131072, "rope_theta": 10000000, "tie_word_embeddings": true}
        """
    }

    private static func mamba(
        width: Int, heads: Int, headSize: Int, stateHeads: Int, groups: Int, stateSize: Int, _ mlpWidth: Int,
        _ vocabulary: Int, _ pattern: String
    ) -> String {
        """
        {"architectures": ["\(NemotronH.names[0])"], "hidden_size": \(width), "hybrid_override_pattern": "\(pattern)",
         "num_attention_heads": \(heads), "num_key_value_heads": 2, "head_dim": \(headSize), "n_groups": \(groups),
         "intermediate_size": \(mlpWidth), "mamba_num_heads": \(stateHeads), "mamba_head_dim": \(stateSize / 2),
         "ssm_state_size": \(stateSize), "vocab_size": \(vocabulary), "mlp_hidden_act": "relu2",
         "max_position_embeddings": 131072, "tie_word_embeddings": true}
        """
    }

    /// Every name, those of plain models first, smallest first.
    static var names: [String] { all.map(\.name) + others.map(\.name) }

    /// The config.json of the shape of that name.
    static func configuration(named name: String) -> String? {
        all.first { $0.name == name }?.configuration ?? others.first { $0.name == name }?.configuration
    }
}

extension Blueprint {
    /// The names of the shapes that ``init(shape:)`` knows, those of plain models first, smallest first.
    public static var shapeNames: [String] { Shapes.names }

    /// The blueprint of a common size, for measurements without a checkpoint.
    ///
    /// - Throws: ``BlueprintError/unknownShape(_:known:)``.
    public init(shape name: String) throws(BlueprintError) {
        guard let configuration = Shapes.configuration(named: name) else {
            throw .unknownShape(name, known: Shapes.names)
        }
        try self.init(configuration: configuration)
    }
}
