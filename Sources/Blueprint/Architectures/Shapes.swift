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

    /// Every name, smallest first.
    static var names: [String] { all.map(\.name) }

    /// The config.json of the shape of that name.
    static func configuration(named name: String) -> String? { all.first { $0.name == name }?.configuration }
}

extension Blueprint {
    /// The names of the shapes that ``init(shape:)`` knows, smallest first.
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
