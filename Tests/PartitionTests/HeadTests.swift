import Blueprint
import Partition
import Testing

@Suite struct HeadTests {
    static func heads(_ blueprint: Blueprint, _ shares: [Double], context: Int, _ cutting: Cutting = .uneven) throws
        -> [LocalHeads]
    {
        let plan = try Resource.plan(of: blueprint, shares, .sum, cutting, context: context)
        let attention = try #require(Resource.attentions(blueprint).first)
        return shares.indices.map { plan.heads(of: attention, rank: $0) }
    }

    /// Query and key-value heads of published models on three equal ranks.
    @Test(
        arguments: [
            (64, 8, 8192, 29568, [22, 21, 21], [3, 4, 3], [24, 24, 16]),
            (28, 4, 3584, 18944, [10, 9, 9], [2, 2, 2], [14, 7, 7]),
            (32, 4, 2048, 6144, [11, 11, 10], [2, 2, 2], [16, 8, 8]),
        ])
    func headsAreCutInsideGroupsWhereThatIsFaster(
        heads: Int, keyValueHeads: Int, width: Int, mlpWidth: Int, anywhere: [Int], keyValues: [Int], onBorders: [Int]
    ) throws {
        let model = try Resource.model(
            heads: heads, keyValueHeads: keyValueHeads, headSize: 128, width: width, mlpWidth: mlpWidth)
        let plan = try Resource.plan(of: model, [1, 1, 1], context: 4096)
        let local = try Self.heads(model, [1, 1, 1], context: 4096)
        #expect(local.map(\.heads.count) == anywhere)
        #expect(local.map(\.covered.count) == keyValues)
        let held = keyValues.reduce(0, +) - keyValueHeads
        #expect((0..<3).reduce(0) { $0 + plan.holdings(rank: $1).keyValueHeadsHeldTwice } == held)
        // Both candidates stand in the remark, whole groups with their counts.
        let remark = try #require(plan.remarks.first { $0.contains("cut anywhere") })
        #expect(remark.contains(anywhere.map(String.init).joined(separator: ", ") + " heads"))
        #expect(remark.contains(onBorders.map(String.init).joined(separator: ", ") + " heads"))
        let repetition = "the ranks hold \(keyValueHeads + held) for the model's \(keyValueHeads),"
        #expect(plan.remarks.contains { $0.contains(repetition) })
    }

    @Test func aLongCacheMovesTheCutsToTheBordersOfGroups() throws {
        let model = try Resource.model(heads: 64, keyValueHeads: 8, headSize: 128, width: 8192)
        let short = try Self.heads(model, [1, 1, 1], context: 1024)
        let long = try Self.heads(model, [1, 1, 1], context: 100_000)
        #expect(short.map(\.heads.count) == [22, 21, 21])
        #expect(short.map(\.covered.count) == [3, 4, 3])
        #expect(long.map(\.heads.count) == [24, 24, 16])
        #expect(long.map(\.covered) == [0..<3, 3..<6, 6..<8])
    }

    @Test func theFasterOfBothCandidatesIsTaken() throws {
        var random = Random(seed: 7)
        for _ in 0..<120 {
            let (group, keyValueHeads) = (random.next(in: 1...9), random.next(in: 1...9))
            let (width, context) = (2 * random.next(in: 1...40), random.next(in: 1...4000))
            let shares = (0..<random.next(in: 1...6)).map { _ in Double(random.next(in: 1...9)) }
            let model = try Resource.model(heads: group * keyValueHeads, keyValueHeads: keyValueHeads, width: width)
            let local = try Self.heads(model, shares, context: context)
            func slowest(_ counts: [Int]) -> Double {
                var start = 0
                return zip(counts, shares).map { count, share in
                    let covered = Set((start..<start + count).map { $0 / group }).count
                    start += count
                    return Double(count * 2 * 16 * width * 2 + covered * (2 * 16 * width * 2 + 2 * 16 * context * 4))
                        / share
                }.max() ?? 0
            }
            let anywhere = Dealing.deal(group * keyValueHeads, shares: shares)
            let onBorders = Dealing.deal(keyValueHeads, shares: shares).map { $0 * group }
            let least = min(slowest(anywhere), slowest(onBorders))
            #expect(slowest(local.map(\.heads.count)) <= least * (1 + 1e-12))
        }
    }

    @Test func everyQueryHeadReadsItsOwnKeyValueHead() throws {
        for group in 1...8 {
            for keyValueHeads in 1...5 {
                for shares in Resource.shares {
                    for cutting in Cutting.allCases {
                        let model = try Resource.model(heads: group * keyValueHeads, keyValueHeads: keyValueHeads)
                        try Self.check(
                            Self.heads(model, shares, context: 16, cutting), group: group,
                            heads: group * keyValueHeads, cutting)
                    }
                }
            }
        }
    }

    private static func check(_ all: [LocalHeads], group: Int, heads: Int, _ cutting: Cutting) throws {
        #expect(all.flatMap { Array($0.heads) } == Array(0..<heads))
        for local in all {
            #expect(Set(local.covered) == Set(local.heads.map { $0 / group }))
            #expect(local.coveredHead.count == local.heldHeads)
            for (index, head) in local.heads.enumerated() {
                #expect(local.covered.lowerBound + local.coveredHead[index] == head / group)
            }
            #expect(local.coveredHead.allSatisfy { (0..<local.heldCovered).contains($0) })
            switch cutting {
            case .uneven:
                #expect(local.heldHeads == local.heads.count && local.heldCovered == local.covered.count)
            case .padded:
                #expect(local.heldHeads == all.map(\.heads.count).max())
                #expect(local.heldCovered == all.map(\.covered.count).max())
            }
        }
    }

    @Test func aRangeThatBeginsInsideAGroupReadsByGlobalNumbers() throws {
        // Taken from local counts, 24 heads over their 2 key-value heads would be read 12 and 12.
        let model = try Resource.model(heads: 32, keyValueHeads: 2, headSize: 16, width: 512)
        let local = try Self.heads(model, [75, 25], context: 1)
        #expect(local.map(\.heads) == [0..<24, 24..<32])
        #expect(local[0].coveredHead == Array(repeating: 0, count: 16) + Array(repeating: 1, count: 8))
        #expect(local[1].covered == 1..<2 && local[1].coveredHead == Array(repeating: 0, count: 8))
    }
}
