import Blueprint
import Foundation
import Partition
import Testing

/// Files beside the tests, and plans of them.
enum Resource {
    static let folders = ["alice"] + checkpoints

    static let checkpoints = [
        "gemma2-a-h72-i82-q6kv3-bf16", "gemma3-a-h72-i82-q6kv1-bf16", "gemma3-b-h96-i410-q12kv2-bf16",
        "granite-a-h72-i82-q6kv3-bf16", "llama-a-h84-i82-q7kv1-f32", "llama-b-h96-i410-q12kv2-bf16",
        "mistral-a-h72-i82-q6kv3-bf16",
        "qwen2-a-h84-i82-q7kv1-bf16", "qwen2-b-h96-i410-q12kv2-f32", "qwen3-a-h72-i82-q7kv1-bf16",
        "qwen3-b-h96-i410-q12kv2-f32", "starcoder2-a-h72-i82-q6kv3-bf16",
    ]

    static func data(_ path: String) throws -> Data {
        try Data(contentsOf: Bundle.module.bundleURL.appending(path: "Resources/\(path)"))
    }

    static func blueprint(_ folder: String) throws -> Blueprint {
        try Blueprint(configuration: String(decoding: data("\(folder)/config.json"), as: UTF8.self))
    }

    static func plan(
        _ folder: String, _ shares: [Double], _ way: Way = .sum, _ cutting: Cutting = .uneven, context: Int = 64,
        encoding: Encoding = .bf16
    ) throws -> Plan {
        try plan(of: blueprint(folder), shares, way, cutting, context: context, encoding: encoding)
    }

    static func plan(
        of blueprint: Blueprint, _ shares: [Double], _ way: Way = .sum, _ cutting: Cutting = .uneven,
        context: Int = 64, encoding: Encoding = .bf16
    ) throws -> Plan {
        let policy = Policy(shares: shares, way: way, cutting: cutting, context: context, chunk: 32)
        return try Plan(blueprint, policy: policy) { $0.isVector ? .f32 : encoding }
    }

    /// A plan; nil where padding would need zeros in a group that has an offset, which is refused.
    static func unlessPaddedInsideAGroup(_ plan: () throws -> Plan) throws -> Plan? {
        do { return try plan() } catch PartitionError.paddedGroup { return nil }
    }

    /// Integers with a scale in binary16 for each group.
    static func grouped(_ bits: Int, _ size: Int) throws -> Encoding {
        .grouped(try #require(Grouping(bits: bits, size: size, scale: .f16, hasOffsets: false)))
    }

    /// Forms of every kind: those of our own, of MLX and of GGUF.
    static func groupings() throws -> [Grouping] {
        let forms: [(Int, Int, Grouping.Scale, Bool)] = [
            (4, 32, .f16, false), (8, 64, .bf16, false), (4, 128, .bf16, true), (8, 32, .f32, true),
            (4, 64, .f16, true), (4, 32, .nested, true), (5, 32, .nested, true), (6, 16, .nested, false),
            (8, 16, .f16, false),
        ]
        return try forms.map {
            try #require(Grouping(bits: $0.0, size: $0.1, scale: $0.2, hasOffsets: $0.3))
        }
    }

    /// Rank counts and shares that divide nothing evenly.
    static let shares: [[Double]] = [
        [1], [1, 1], [3, 1], [1, 1, 1], [5, 3, 2], [1, 1, 1, 1], [1, 2, 4, 8], [1, 1, 1, 1, 1],
        [7, 1, 3, 1, 2], Array(repeating: 1, count: 7), Array(repeating: 1, count: 14),
    ]

    /// A model of one or more equal layers, for dimensions that no reference folder has.
    static func model(
        heads: Int, keyValueHeads: Int, headSize: Int = 16, width: Int = 64, mlpWidth: Int = 96, vocabulary: Int = 128,
        layers: Int = 1, maximumContext: Int = 1 << 17
    ) throws -> Blueprint {
        let values: [String: ConfigurationValue] = [
            "architectures": .array([.string("LlamaForCausalLM")]), "hidden_size": .integer(width),
            "intermediate_size": .integer(mlpWidth), "num_attention_heads": .integer(heads),
            "num_key_value_heads": .integer(keyValueHeads), "head_dim": .integer(headSize),
            "num_hidden_layers": .integer(layers), "vocab_size": .integer(vocabulary),
            "max_position_embeddings": .integer(maximumContext),
        ]
        return try Blueprint(configuration: ConfigurationValue.object(values).description)
    }

    static func attentions(_ blueprint: Blueprint) -> [Attention] {
        blueprint.layers.flatMap(\.branches).compactMap { branch in
            switch branch.mixer {
            case .attention(let attention): attention
            case .mlp, .experts, .deltaNet, .stateSpace: nil
            }
        }
    }
}
