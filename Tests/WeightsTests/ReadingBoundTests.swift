import Blueprint
import Partition
import Testing
import Weights

/// What all ranks together read of a model of 109 million numbers: little more than the plan says they hold.
@Suite struct ReadingBoundTests {
    private static let configuration = """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 768,
         "intermediate_size": 2048, "num_attention_heads": 12, "num_key_value_heads": 4, "hidden_act": "silu",
         "num_hidden_layers": 12, "vocab_size": 32000, "rms_norm_eps": 1e-05,
         "max_position_embeddings": 256, "tie_word_embeddings": false, "rope_theta": 10000.0}
        """

    static let shares: [[Double]] = [
        [1, 1], [5, 4], [87, 13], [1, 1, 1], [5, 3, 2], [61, 28, 11], [4, 3, 2, 1], [1, 1, 1, 1, 1],
        [8, 5, 4, 2, 1], [37, 23, 19, 13, 8], [301, 211, 197, 151, 139],
    ]

    @Test(arguments: Way.allCases, shares)
    func allRanksReadTheModelOnceAndWhatTheyHoldTwice(way: Way, shares: [Double]) throws {
        for encoding in try Self.encodings() {
            let blueprint = try Blueprint(configuration: Self.configuration)
            let plan = try Plan(blueprint, policy: Policy(shares: shares, way: way, context: 256)) { weight in
                weight.isVector ? .bf16 : encoding
            }
            let modelByteCount = blueprint.weights.reduce(0) { $0 + info($1, encoding).byteCount }
            #expect(blueprint.parameterCount >= 100_000_000)
            let held = shares.indices.reduce(0) { $0 + plan.holdings(rank: $1).fileByteCount }
            let read = shares.indices.reduce(0) { total, rank in
                total
                    + blueprint.weights.reduce(0) { total, weight in
                        let slice = plan.slice(of: weight, rank: rank)
                        return total
                            + info(weight, encoding).byteCount(reading: slice.rows, columns: slice.columns)
                    }
            }
            #expect(read >= held)
            #expect(
                Double(read - held) <= 0.02 * Double(modelByteCount), "\(encoding.name): \(read) of \(modelByteCount)")
        }
    }

    private static func encodings() throws -> [Encoding] {
        let groupings = [
            Grouping(bits: 4, size: 32, scale: .f16, hasOffsets: false),
            Grouping(bits: 8, size: 32, scale: .f16, hasOffsets: false),
            Grouping(bits: 4, size: 64, scale: .bf16, hasOffsets: true),
        ]
        return [.bf16, .f32] + (try groupings.map { .grouped(try #require($0)) })
    }

    private func info(_ weight: Weight, _ encoding: Encoding) -> TensorInfo {
        TensorInfo(weight, weight.isVector ? .bf16 : encoding)
    }
}
