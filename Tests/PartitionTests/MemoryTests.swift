import Blueprint
import Partition
import Testing

/// Shares that follow memory.
@Suite struct MemoryTests {
    static func encoding(_ weight: Weight) -> Encoding { weight.isVector ? .f32 : .bf16 }

    static func plan(_ model: Blueprint, _ policy: Policy) throws(PartitionError) -> Plan {
        try Plan(byMemory: model, policy: policy, encoding: encoding)
    }

    static func peaks(_ plan: Plan) -> [Int] { (0..<plan.rankCount).map { plan.holdings(rank: $0).peakByteCount } }

    @Test func limitsAreReadInTheirUnits() throws {
        #expect(try MemoryLimits(list: "128GB:48GB").byteCounts == [128_000_000_000, 48_000_000_000])
        #expect(
            try MemoryLimits(list: "1KiB:2MiB:1.5gib:1TiB").byteCounts == [1024, 2 << 20, 3 << 29, 1 << 40])
        #expect(try MemoryLimits(list: "7B:1kb:0.5MB:2TB").byteCounts == [7, 1000, 500_000, 2_000_000_000_000])
    }

    @Test(arguments: [
        ("", 0, ""), ("128", 0, "128"), ("1GB:", 1, ""), ("1GB:x", 1, "x"), ("GB", 0, "GB"), ("0GB", 0, "0GB"),
        ("-1GB", 0, "-1GB"), ("1GB:2 G B", 1, "2 G B"), ("1.2.3GB", 0, "1.2.3GB"), ("9e9TB", 0, "9e9TB"),
        ("99999999TB", 0, "99999999TB"), ("nanGB", 0, "nanGB"),
    ])
    func whatIsNoSizeIsRefused(text: String, rank: Int, found: String) {
        #expect(throws: PartitionError.memoryNotASize(rank: rank, found: found)) { try MemoryLimits(list: text) }
    }

    @Test func equalSharesStayWhereTheyFit() throws {
        let alice = try Resource.blueprint("alice")
        let policy = Policy(shares: [1, 1], context: 512, memoryByteCounts: [1 << 30, 1 << 25])
        let plan = try Self.plan(alice, policy)
        #expect(plan.policy.shares == [1, 1] && plan.memoryRemark == nil)
        #expect(plan.fingerprint == (try Plan(alice, policy: policy, encoding: Self.encoding)).fingerprint)
    }

    @Test(arguments: [([192, 72], [6, 2]), ([225, 75], [6, 2]), ([80, 160], [3, 5])])
    func sharesFollowMemoryWhereTheSmallestMachineCannotHoldItsPart(gigabytes: [Int], heads: [Int]) throws {
        let model = try Resource.model(
            heads: 8, keyValueHeads: 8, headSize: 1024, width: 8192, mlpWidth: 28672, vocabulary: 128_256, layers: 80)
        let limits = gigabytes.map { $0 * 1_000_000_000 }
        let plan = try Self.plan(
            model, Policy(shares: [1, 1], context: 4096, memoryByteCounts: limits))
        #expect(plan.split(of: try #require(Resource.attentions(model).first).queryAxis).counts == heads)
        let ratio = plan.policy.shares[0] / plan.policy.shares[1]
        #expect(abs(ratio - Double(gigabytes[0]) / Double(gigabytes[1])) < 1e-9)
        let remark = try #require(plan.memoryRemark)
        let small = try #require(limits.firstIndex(of: limits.min() ?? 0))
        #expect(remark.hasPrefix("shares follow memory (") && remark.contains("equal shares rank \(small) would hold"))
        #expect(plan.remarks.first == remark)
        #expect(zip(Self.peaks(plan), limits).allSatisfy { $0 <= $1 })
    }

    /// Buffers are most of what ranks hold here: shares in the ratio of the limits themselves would not fit.
    @Test func whatEveryRankHoldsBesidesItsShareIsCounted() throws {
        let model = try Resource.model(heads: 16, keyValueHeads: 16, width: 64, mlpWidth: 640, vocabulary: 1024)
        var policy = Policy(shares: [9, 1], context: 64, chunk: 64)
        let limits = Self.peaks(try Plan(model, policy: policy, encoding: Self.encoding))
        policy.memoryByteCounts = limits
        policy.shares = limits.map { Double($0) }
        #expect(throws: PartitionError.self) { try Plan(model, policy: policy, encoding: Self.encoding) }
        policy.shares = [1, 1]
        #expect(zip(Self.peaks(try Self.plan(model, policy)), limits).allSatisfy { $0 <= $1 })
    }

    @Test func ranksOfAHostMayDivideItsMemoryAsTheyNeedIt() throws {
        let alice = try Resource.blueprint("alice")
        var policy = Policy(shares: [5, 3, 2], context: 512)
        let total = Self.peaks(try Plan(alice, policy: policy, encoding: Self.encoding)).reduce(0, +)
        policy.sharedMemory = [SharedMemory(ranks: [0, 1, 2], byteCount: total)]
        #expect(try Plan(alice, policy: policy, encoding: Self.encoding).rankCount == 3)
        policy.sharedMemory[0].byteCount -= 1
        #expect(throws: PartitionError.self) { try Plan(alice, policy: policy, encoding: Self.encoding) }
        // Two ranks on a large host and one on a small one.
        let equal = try Plan(alice, policy: Policy(shares: [1, 1, 1], context: 512), encoding: Self.encoding)
        let part = Self.peaks(equal)[2]
        let moved = try Self.plan(
            alice,
            Policy(
                shares: [1, 1, 1], context: 512,
                sharedMemory: [
                    SharedMemory(ranks: [0, 1], byteCount: 4 * part),
                    SharedMemory(ranks: [2], byteCount: part * 8 / 10),
                ]))
        #expect(moved.memoryRemark != nil && Self.peaks(moved)[2] <= part * 8 / 10)
    }

    @Test(arguments: [128, 64, 16]) func aSmallerChunkThatFitsIsNamed(chunk: Int) throws {
        let alice = try Resource.blueprint("alice")
        var policy = Policy(shares: [2, 1], context: 512, chunk: chunk)
        policy.memoryByteCounts = Self.peaks(try Plan(alice, policy: policy, encoding: Self.encoding))
        policy.chunk = 256
        let shortage = try #require(RefusalTests.shortage(alice, policy))
        #expect(shortage.fittingChunk == chunk)
        #expect(shortage.description.contains(" or --chunk \(chunk)"), "\(shortage)")
        policy.memoryByteCounts = Self.peaks(
            try Plan(alice, policy: Policy(shares: [2, 1], context: 512, chunk: 8), encoding: Self.encoding))
        let other = try #require(RefusalTests.shortage(alice, policy))
        #expect(other.fittingChunk == nil && !other.description.contains("--chunk"))
    }

    @Test func aSmallerEncodingThatFitsIsNamed() throws {
        let model = try Resource.model(
            heads: 32, keyValueHeads: 8, headSize: 128, width: 4096, mlpWidth: 14336, vocabulary: 128_256, layers: 32)
        for (gigabytes, name) in [(5, "q8"), (3, "q4")] {
            let limits = [gigabytes * 1_000_000_000, gigabytes * 1_000_000_000]
            let policy = Policy(shares: [1, 1], context: 2048, memoryByteCounts: limits)
            let shortage = try #require(RefusalTests.shortage(model, policy))
            #expect(shortage.fittingEncoding?.name == name && shortage.fittingEncoding?.shares == nil)
            #expect(shortage.description.hasSuffix("a model imported with --encoding \(name)"))
            var random = policy
            random.drawsWeights = true
            let other = try #require(RefusalTests.shortage(model, random))
            #expect(other.description.hasSuffix("use --encoding \(name) or a smaller shape"))
            let encoding = try Resource.grouped(name == "q8" ? 8 : 4, 32)
            _ = try Plan(model, policy: policy) { $0.isVector ? .f32 : encoding }
        }
        // What is integers already is not rounded again.
        let eight = try Resource.grouped(8, 32)
        let policy = Policy(shares: [1, 1], context: 2048, memoryByteCounts: [3_000_000_000, 3_000_000_000])
        let rounded = try #require(throws: PartitionError.self) {
            _ = try Plan(model, policy: policy) { $0.isVector ? .f32 : eight }
        }
        #expect(rounded.description.hasSuffix("a model imported with --encoding q4 from a checkpoint in bf16"))
        let nothing = Policy(shares: [1], context: 2048, memoryByteCounts: [1_000_000], drawsWeights: true)
        let shortage = try #require(RefusalTests.shortage(model, nothing))
        #expect(shortage.description.hasSuffix("or q4: add a machine or use a smaller shape"))
        // Larger integers with other shares come before smaller ones with the same.
        for gigabytes in [[8, 2], [6, 4]] {
            let policy = Policy(
                shares: [1, 1], context: 2048, memoryByteCounts: gigabytes.map { $0 * 1_000_000_000 })
            let shortage = try #require(RefusalTests.shortage(model, policy))
            let both = try #require(shortage.fittingEncoding)
            let shares = try #require(both.shares)
            #expect(both.name == "q8")
            #expect(
                shortage.description.hasSuffix(
                    "--shares \(Figure.shares(shares)) and a model imported with --encoding q8"))
            var moved = policy
            moved.shares = shares
            let encoding = try Resource.grouped(8, 32)
            _ = try Plan(model, policy: moved) { $0.isVector ? .f32 : encoding }
        }
    }

    /// Every composition of 24 parts is tried; where one fits, so must the shares that are found.
    @Test func whereAnySharesFitSomeAreFound() throws {
        var random = Random(seed: 11)
        var (fitting, moved) = (0, 0)
        for _ in 0..<100 {
            let ranks = random.next(in: 2...3)
            let groupSize = random.next(in: 1...3)
            let keyValueHeads = random.next(in: 1...4)
            let model = try Resource.model(
                heads: groupSize * keyValueHeads, keyValueHeads: keyValueHeads, headSize: 8,
                width: random.next(in: 8...64), mlpWidth: random.next(in: 20...300),
                vocabulary: random.next(in: 20...400),
                layers: random.next(in: 1...3))
            var policy = Policy(shares: Array(repeating: 1, count: ranks), context: 32, chunk: random.next(in: 1...32))
            let whole = try Plan(
                model, policy: Policy(shares: [1], context: 32, chunk: policy.chunk), encoding: Self.encoding)
            let needed = whole.holdings(rank: 0).peakByteCount
            policy.memoryByteCounts = (0..<ranks).map { _ in needed * random.next(in: 20...90) / 100 }
            guard Self.anySharesFit(model, policy) else { continue }
            fitting += 1
            let plan = try? Self.plan(model, policy)
            #expect(plan != nil, "\(model.width) \(groupSize) \(keyValueHeads) \(policy)")
            moved += plan?.memoryRemark != nil ? 1 : 0
        }
        #expect(fitting > 30 && moved > 15, "\(fitting) \(moved)")
    }

    private static func anySharesFit(_ model: Blueprint, _ policy: Policy) -> Bool {
        DealingTests.splits(24, policy.shares.count).contains { counts in
            guard !counts.contains(0) else { return false }
            var tried = policy
            tried.shares = counts.map(Double.init)
            tried.memoryByteCounts = nil
            guard let plan = try? Plan(model, policy: tried, encoding: encoding) else { return false }
            return zip(peaks(plan), policy.memoryByteCounts ?? []).allSatisfy { $0 <= $1 }
        }
    }

    /// Equal shares fit only with much shorter contexts.
    @Test(arguments: [[2_500_000, 1_700_000], [2_200_000, 1_800_000], [1_600_000, 1_200_000, 1_300_000]])
    func theLongestContextThatFitsWithAnySharesIsNamed(limits: [Int]) throws {
        let alice = try Resource.blueprint("alice")
        var policy = Policy(shares: limits.map { _ in 1 }, context: 512, memoryByteCounts: limits)
        let error = try #require(throws: PartitionError.self) { try Self.plan(alice, policy) }
        guard case .memory(let shortage) = error else { throw error }
        let longest = try #require(shortage.longestContext)
        #expect(longest > RefusalTests.shortage(alice, policy)?.longestContext ?? 0)
        policy.context = longest
        #expect(try Self.plan(alice, policy).memoryRemark != nil)
        policy.context += 1
        #expect(throws: PartitionError.self) { try Self.plan(alice, policy) }
    }

    @Test func theSameSharesAreFoundEveryTime() throws {
        let alice = try Resource.blueprint("alice")
        let policy = Policy(shares: [1, 1, 1], context: 512, memoryByteCounts: [4_000_000, 2_600_000, 1_400_000])
        let plans = try (0..<3).map { _ in try Self.plan(alice, policy) }
        #expect(plans[0].memoryRemark != nil && Set(plans.map(\.fingerprint)).count == 1)
    }
}
