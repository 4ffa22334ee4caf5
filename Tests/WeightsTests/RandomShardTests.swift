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
