import Blueprint
import Partition
import Testing

@Suite struct WorkTests {
    // 4 layers of width 4096, MLP 14336, 32 query heads and 8 key-value heads of 128; 16032 rows of vocabulary.
    private static let layer = 4096 * 4096 * 2 + 1024 * 4096 * 2 + 3 * 14336 * 4096
    private static let table = 16032 * 4096
    private static let norms = 9 * 4096 * 4

    private func plan(ranks: Int, shape: String = "llama-8b-slice") throws -> Plan {
        try Plan(
            Blueprint(shape: shape),
            policy: Policy(shares: (1...ranks).map { Double($0) }, context: 1024),
            encoding: { $0.isVector ? .f32 : .bf16 })
    }

    @Test func oneTokenReadsEveryWeightOnceAndOneRowOfTheTable() throws {
        let work = try plan(ranks: 1).work(rank: 0, tokens: 1, firstPosition: 99, logitRows: 1)
        #expect(work.weightByteCount == 2 * (4 * Self.layer + Self.table + 4096) + Self.norms)
        // A hundred positions of keys and values.
        let elements = 2 * 4 * 100 * 8 * 128
        let whole = try plan(ranks: 1).holdings(rank: 0).cacheByteCount
        #expect(work.cacheByteCount == whole / 1024 * 100)
        #expect(work.cacheByteCount >= elements)
        #expect(work.operationCount == 2 * (4 * Self.layer + Self.table) + 4 * 4 * 32 * 128 * 100)
    }

    @Test func aPromptComputesTheHeadOnce() throws {
        let plan = try plan(ranks: 1)
        let work = plan.work(rank: 0, tokens: 10, firstPosition: 0, logitRows: 1)
        // Tokens see 1 to 10 positions.
        #expect(work.operationCount == 2 * (10 * 4 * Self.layer + Self.table) + 4 * 4 * 32 * 128 * 55)
        let none = plan.work(rank: 0, tokens: 10, firstPosition: 0, logitRows: 0)
        #expect(work.operationCount - none.operationCount == 2 * Self.table)
        #expect(work.weightByteCount - none.weightByteCount == 2 * Self.table)
    }

    @Test func aTiedTableIsReadForTheLogits() throws {
        let plan = try plan(ranks: 1, shape: "llama-1b")
        let work = plan.work(rank: 0, tokens: 1, firstPosition: 0, logitRows: 1)
        #expect(work.weightByteCount == 2 * 1_235_814_400 + 2 * 33 * 2048)
        let none = plan.work(rank: 0, tokens: 1, firstPosition: 0, logitRows: 0)
        #expect(work.weightByteCount - none.weightByteCount == 2 * 128_255 * 2048)
    }

    @Test(arguments: [2, 3, 5, 7]) func theRanksShareTheOperationsButForHeadsHeldTwice(ranks: Int) throws {
        let alone = try plan(ranks: 1).work(rank: 0, tokens: 3, firstPosition: 5, logitRows: 2)
        let plan = try plan(ranks: ranks)
        let parts = (0..<ranks).map { plan.work(rank: $0, tokens: 3, firstPosition: 5, logitRows: 2) }
        // A key and a value of 128 channels out of a width of 4096, for each of three tokens.
        let twice =
            (0..<ranks).reduce(0) { $0 + plan.holdings(rank: $1).keyValueHeadsHeldTwice } * 2 * 128 * 4096 * 2 * 3
        #expect(parts.reduce(0) { $0 + $1.operationCount } == alone.operationCount + twice)
        #expect(parts.reduce(0) { $0 + $1.byteCount } >= alone.byteCount)
    }
}
