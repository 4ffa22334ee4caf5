import Blueprint
import Compute
import Partition
import Testing
import Weights

@Suite struct RandomShardTests {
    static let encodings: [Encoding] =
        Encoding.allPlain
        + [
            Grouping(bits: 4, size: 32, scale: .f16, hasOffsets: false),
            Grouping(bits: 8, size: 64, scale: .bf16, hasOffsets: true),
            Grouping(bits: 5, size: 32, scale: .nested, hasOffsets: true),
            Grouping(bits: 6, size: 16, scale: .nested, hasOffsets: false),
        ].compactMap { $0.map(Encoding.grouped) }

    private func shards(_ encoding: Encoding, shares: [Double], threads: Int = 1) throws -> (Plan, [RandomShard]) {
        let plan = try Plan(
            Blueprint(shape: "llama-tiny"), policy: Policy(shares: shares, context: 64),
            encoding: { $0.isVector ? .f32 : encoding })
        let shards = try shares.indices.map { rank in
            let arena = try Arena(byteCount: RandomShard.byteCount(plan: plan, rank: rank))
            defer { #expect(arena.usedByteCount == arena.capacity) }
            return try RandomShard(plan: plan, rank: rank, arena: arena, pool: Pool(threads: threads), seed: 7)
        }
        return (plan, shards)
    }

    @Test(arguments: encodings) func numbersDoNotDependOnTheCut(encoding: Encoding) throws {
        let (whole, alone) = try shards(encoding, shares: [1])
        let (plan, parts) = try shards(encoding, shares: [5, 3, 2], threads: 2)
        var compared = 0
        for weight in whole.blueprint.weights where !weight.isVector {
            let all = alone[0].matrix(weight)
            for (rank, part) in parts.enumerated() {
                let slice = plan.slice(of: weight, rank: rank)
                for (local, row) in slice.rows.enumerated() {
                    let found = part.matrix(weight).floats(row: local)
                    #expect(found == Array(all.floats(row: row)[slice.columns]), "\(weight.name) row \(row)")
                    compared += found.count
                }
            }
        }
        #expect(compared == whole.blueprint.weights.reduce(0) { $0 + ($1.isVector ? 0 : $1.elementCount) })
    }

    private static let mixture = """
        {"architectures": ["Qwen3MoeForCausalLM"], "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4,
         "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 64, "moe_intermediate_size": 96,
         "num_experts": 3, "num_experts_per_tok": 2, "vocab_size": 320, "hidden_act": "silu",
         "max_position_embeddings": 512, "rope_theta": 10000}
        """

    /// Of three experts some are whole and others cut between ranks.
    @Test(arguments: encodings, [[5.0, 3, 2], [1, 1], [7, 1, 3, 1, 2]])
    func membersThatAreCutUnlikeAreThosePartsOfTheWhole(encoding: Encoding, shares: [Double]) throws {
        func shards(_ shares: [Double]) throws -> (Plan, [RandomShard]) {
            let policy = Policy(shares: shares, context: 64, experts: .mixed)
            let plan = try Plan(Blueprint(configuration: Self.mixture), policy: policy) {
                $0.isVector ? .f32 : encoding
            }
            return (
                plan,
                try shares.indices.map { rank in
                    let arena = try Arena(byteCount: RandomShard.byteCount(plan: plan, rank: rank))
                    defer { #expect(arena.usedByteCount == arena.capacity) }
                    #expect(arena.capacity == plan.holdings(rank: rank).weightByteCount)
                    return try RandomShard(plan: plan, rank: rank, arena: arena, pool: Pool(threads: 2), seed: 7)
                }
            )
        }
        let ((whole, alone), (plan, parts)) = (try shards([1]), try shards(shares))
        var (compared, cutCount) = (0, 0)
        for weight in whole.blueprint.weights where weight.members != nil && !weight.isVector {
            let all = alone[0].matrices(weight)
            for (rank, part) in parts.enumerated() {
                let slices = plan.slices(of: weight, rank: rank)
                cutCount += slices.count - 1
                let places = slices.flatMap { slice in slice.members.map { ($0, slice) } }
                #expect(part.matrices(weight).count == places.count)
                for (matrix, (member, slice)) in zip(part.matrices(weight), places) {
                    for (local, row) in slice.rows.enumerated() {
                        let found = matrix.floats(row: local)
                        #expect(found == Array(all[member].floats(row: row)[slice.columns]), "\(weight.name) \(member)")
                        compared += found.count
                    }
                }
            }
        }
        let experts = whole.blueprint.weights.filter { $0.members != nil && !$0.isVector }
        #expect(compared == experts.reduce(0) { $0 + $1.elementCount } && cutCount > 0)
    }

    @Test(arguments: encodings) func sumsOfProductsKeepTheSizeOfTheirInputs(encoding: Encoding) throws {
        let (plan, shards) = try shards(encoding, shares: [1])
        for weight in plan.blueprint.weights where !weight.isVector {
            let matrix = shards[0].matrix(weight)
            let squares = (0..<matrix.rows).reduce(0.0) { sum, row in
                matrix.floats(row: row).reduce(sum) { $0 + Double($1) * Double($1) }
            }
            let variance = squares / Double(matrix.rows)
            #expect(variance > 0.5 && variance < 2, "\(weight.name): \(variance)")
        }
    }

    @Test func vectorsLieAroundOne() throws {
        let (plan, shards) = try shards(.bf16, shares: [1])
        for weight in plan.blueprint.weights where weight.isVector {
            let vector = shards[0].vector(weight)
            let values = (0..<vector.count).map { vector[$0] }
            #expect(values.allSatisfy { abs($0 - 1) <= 0.125 } && Set(values).count > 1)
        }
    }
}
