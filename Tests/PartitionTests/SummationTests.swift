import Blueprint
import Compute
import Partition
import Testing

@Suite struct SummationTests {
    static func plan(_ wire: Wire, ranks: Int, width: Int = 160, chunk: Int = 256, context: Int = 512) throws -> Plan {
        let model = try Resource.model(heads: 7, keyValueHeads: 7, width: width, mlpWidth: 411, layers: 5)
        let policy = Policy(shares: (0..<ranks).map { Double($0 + 1) }, wire: wire, context: context, chunk: chunk)
        return try Plan(model, policy: policy) { $0.isVector ? .f32 : .bf16 }
    }

    /// Bytes of a packed vector.
    static func byteCount(_ wire: Wire, blocks: Int) -> Int { blocks * (wire == .bf16 ? 64 : 36) }

    @Test(arguments: [2, 3, 5, 7], [Wire.bf16, .q8])
    func aVectorTravelsOnceOrInPartsWhicheverIsCheaper(ranks: Int, wire: Wire) throws {
        let plan = try Self.plan(wire, ranks: ranks)
        var routes: Set<Summation.Route> = []
        for tokens in 1...256 {
            let sum = plan.summation(tokens: tokens)
            routes.insert(sum.route)
            let blocks = (tokens * 160 + 31) / 32
            let parts = (blocks + ranks - 1) / ranks * ranks
            // What a rank receives beyond what it would in parts.
            let beyond =
                Self.byteCount(wire, blocks: blocks) * (ranks - 1) - 2 * Self.byteCount(wire, blocks: blocks)
                * (ranks - 1) / ranks
            if sum.route == .gathered {
                #expect(beyond <= 8192)
                #expect(sum.traffic == Traffic(collectives: 1, byteCount: ranks * Self.byteCount(wire, blocks: blocks)))
            } else {
                #expect(beyond > 8192 - Self.byteCount(wire, blocks: ranks))
                #expect(sum.route == .scattered && sum.blocks == parts)
                #expect(sum.traffic == Traffic(collectives: 2, byteCount: 2 * Self.byteCount(wire, blocks: parts)))
            }
        }
        #expect(routes == (ranks == 2 ? [.gathered] : [.gathered, .scattered]))
    }

    @Test(arguments: [1, 2, 3, 5, 7], Wire.allCases)
    func everyElementIsAddedByOneRankOrByAll(ranks: Int, wire: Wire) throws {
        let plan = try Self.plan(wire, ranks: ranks, width: 84)
        for tokens in [1, 2, 7, 100, 256] {
            let sum = plan.summation(tokens: tokens)
            let elements = (0..<ranks).map { sum.elements(rank: $0) }
            if sum.route == .scattered {
                #expect(elements.flatMap { Array($0) } == Array(0..<84 * tokens))
            } else {
                #expect(elements.allSatisfy { $0 == 0..<84 * tokens })
            }
        }
    }

    @Test(arguments: [2, 3, 5, 7], Wire.allCases)
    func everySumOfAChunkFitsIntoTheBuffers(ranks: Int, wire: Wire) throws {
        for (width, chunk) in [(160, 256), (84, 1), (2048, 40), (8, 500)] {
            let plan = try Self.plan(wire, ranks: ranks, width: width, chunk: chunk)
            var (packed, received) = (0, 0)
            for tokens in 1...chunk where wire != .f32 {
                let sum = plan.summation(tokens: tokens)
                let words = Self.byteCount(wire, blocks: sum.blocks) / 4
                packed = max(packed, words)
                received = max(received, sum.route == .gathered ? ranks * words : words)
            }
            let workspace = plan.workspace(rank: 0)
            #expect(workspace.packed == Workspace.Buffer(1, packed))
            #expect(workspace.received == Workspace.Buffer(1, received))
        }
    }

    @Test func blocksHaveTheLengthThatTheKernelsGiveThem() throws {
        for (wire, packing) in [(Wire.bf16, Packing.bf16), (.q8, .q8)] {
            #expect(Self.byteCount(wire, blocks: 1) == 4 * packing.blockWords)
        }
        #expect(Packing.blockSize == 32)
    }

    @Test func fewerBitsOnTheWireAreFewerBytesOfATokenButNotOfTheEmbedding() throws {
        // Width 160 are five blocks; ten sums of two ranks, the embedding, two candidates and the order.
        #expect(try Self.plan(.f32, ranks: 2).decodingTraffic.byteCount == 10 * 640 + 640 + 16 + 32)
        #expect(try Self.plan(.bf16, ranks: 2).decodingTraffic.byteCount == 10 * 2 * 320 + 640 + 16 + 32)
        #expect(try Self.plan(.q8, ranks: 2).decodingTraffic.byteCount == 10 * 2 * 180 + 640 + 16 + 32)
        #expect(try Self.plan(.bf16, ranks: 2).sentByteCount(rank: 1) == 10 * 320 + 640 + 8)
        #expect(try Self.plan(.q8, ranks: 2).sentByteCount(rank: 0) == 10 * 180 + 640 + 8 + 32)
        #expect(try Self.plan(.q8, ranks: 1).decodingTraffic == .none)
    }

    @Test func aPartThatIsSentTwiceCountsTwice() throws {
        let plan = try Self.plan(.bf16, ranks: 7, width: 4096)
        #expect(plan.summation(tokens: 1).route == .scattered)
        // 128 blocks are filled up to 133.
        #expect(plan.summation(tokens: 1).traffic == Traffic(collectives: 2, byteCount: 2 * 133 * 64))
        #expect(plan.sentByteCount(rank: 3) == 10 * (133 + 19) * 64 + 4 * 4096 + 8)
    }

    @Test func exactResultsTravelInFloat32Only() throws {
        let alice = try Resource.blueprint("alice")
        for wire in [Wire.bf16, .q8] {
            let policy = Policy(shares: [1, 1], way: .gather, wire: wire, context: 8)
            #expect(RefusalTests.refusal(alice, policy) == .wireOfExact(wire))
        }
        #expect(RefusalTests.refusal(alice, Policy(shares: [1, 1], way: .gather, context: 8)) == nil)
    }
}
