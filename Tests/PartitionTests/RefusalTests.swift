import Blueprint
import Partition
import Testing

@Suite struct RefusalTests {
    static func refusal(_ blueprint: Blueprint, _ policy: Policy) -> PartitionError? {
        do throws(PartitionError) {
            _ = try Plan(blueprint, policy: policy) { $0.isVector ? .f32 : .bf16 }
            return nil
        } catch {
            return error
        }
    }

    static func shortage(_ blueprint: Blueprint, _ policy: Policy) -> MemoryShortage? {
        guard case .memory(let shortage)? = refusal(blueprint, policy) else { return nil }
        return shortage
    }

    @Test(arguments: [0, -1, Double.nan, Double.infinity, -Double.infinity])
    func aShareThatIsNoFiniteNumberAboveZeroIsRefused(share: Double) throws {
        let found = Self.refusal(try Resource.blueprint("alice"), Policy(shares: [1, share], context: 8))
        guard case .shareNotPositive(rank: 1, found: let value)? = found else {
            Issue.record("found \(String(describing: found))")
            return
        }
        #expect(value == share || value.isNaN && share.isNaN)
    }

    @Test func noSharesAreRefused() throws {
        #expect(Self.refusal(try Resource.blueprint("alice"), Policy(shares: [], context: 8)) == .noRanks)
    }

    @Test func aContextThatTheModelWasNotMadeForIsRefused() throws {
        let alice = try Resource.blueprint("alice")
        for context in [0, -3, 513, Int.max] {
            #expect(
                Self.refusal(alice, Policy(shares: [1], context: context)) == .context(found: context, longest: 512))
        }
        #expect(Self.refusal(alice, Policy(shares: [1], context: 512)) == nil)
    }

    @Test func aChunkOfNoTokensIsRefusedAndAHugeOneIsNot() throws {
        let alice = try Resource.blueprint("alice")
        #expect(Self.refusal(alice, Policy(shares: [1], context: 8, chunk: 0)) == .chunk(found: 0))
        #expect(Self.refusal(alice, Policy(shares: [1], context: 8, chunk: Int.max)) == nil)
    }

    @Test func aRankThatWouldHoldNothingIsRefusedWithTheRankCountThatWorks() throws {
        let tiny = try Resource.model(heads: 2, keyValueHeads: 1, width: 8, mlpWidth: 5, vocabulary: 6)
        let found = Self.refusal(tiny, Policy(shares: Array(repeating: 1, count: 9), context: 8))
        #expect(
            found
                == .idleRank(
                    rank: 6, axis: Axis(.vocabulary, layer: nil, count: 6), share: 1, workingRankCount: 6))
        #expect(Self.refusal(tiny, Policy(shares: Array(repeating: 1, count: 6), context: 8)) == nil)
        // Rows of the width give two more ranks something to do.
        let gather = Policy(shares: Array(repeating: 1, count: 8), way: .gather, context: 8)
        #expect(Self.refusal(tiny, gather) == nil)
        let unequal = Self.refusal(tiny, Policy(shares: [1, 1e-6, 1], context: 8))
        #expect(
            unequal
                == .idleRank(
                    rank: 1, axis: Axis(.vocabulary, layer: nil, count: 6), share: 1e-6, workingRankCount: 2))
    }

    /// 411 columns are twelve groups of 32 and a part of one.
    @Test func paddingInAGroupWithAnOffsetIsRefused() throws {
        let alice = try Resource.blueprint("alice")
        let offsets = try #require(Grouping(bits: 4, size: 32, scale: .f16, hasOffsets: true))
        func plan(_ cutting: Cutting, _ encoding: Encoding, _ way: Way = .sum) throws -> Plan {
            try Resource.plan(of: alice, [1, 1, 1], way, cutting, context: 8, encoding: encoding)
        }
        let error = #expect(throws: PartitionError.self) { _ = try plan(.padded, .grouped(offsets)) }
        guard case .paddedGroup(let weight, 32, rank: 2, let columns)? = error else {
            Issue.record("found \(String(describing: error))")
            return
        }
        #expect(weight.hasSuffix("down_proj.weight") && columns.upperBound == 411)
        #expect(error?.description.hasSuffix("use --split uneven, or another encoding") == true)
        // Rows are padded in panels of their own, and without offsets there is an integer for zero.
        _ = try plan(.uneven, .grouped(offsets))
        _ = try plan(.padded, .grouped(offsets), .gather)
        _ = try plan(.padded, Resource.grouped(4, 32))
    }

    @Test func ofEquallyLongAxesTheFirstIsNamed() throws {
        let tiny = try Resource.model(heads: 2, keyValueHeads: 1, width: 8, mlpWidth: 6, vocabulary: 5, layers: 12)
        for _ in 0..<20 {
            let found = Self.refusal(tiny, Policy(shares: Array(repeating: 1, count: 7), context: 8))
            #expect(
                found == .idleRank(rank: 6, axis: Axis(.mlpWidth, layer: 0, count: 6), share: 1, workingRankCount: 6))
        }
    }

    @Test func aMemoryLimitThatHoldsToTheByteIsKept() throws {
        let alice = try Resource.blueprint("alice")
        var policy = Policy(shares: [5, 3, 2], context: 512)
        let plan = try Plan(alice, policy: policy) { $0.isVector ? .f32 : .bf16 }
        var limits = (0..<3).map { plan.holdings(rank: $0).peakByteCount }
        policy.memoryByteCounts = limits
        #expect(Self.refusal(alice, policy) == nil)
        limits[1] -= 1
        policy.memoryByteCounts = limits
        let shortage = try #require(Self.shortage(alice, policy))
        #expect(shortage.rank == 1 && shortage.missingByteCount == 1)
        #expect(shortage.longestContext == 511)
    }

    @Test func aRankWithoutMemoryIsRefusedWithPlansThatFit() throws {
        let alice = try Resource.blueprint("alice")
        let plan = try Plan(alice, policy: Policy(shares: [1, 1], context: 512)) { $0.isVector ? .f32 : .bf16 }
        let even = plan.holdings(rank: 0).peakByteCount
        let limits = [2 * even, even * 8 / 10]
        let policy = Policy(shares: [1, 1], context: 512, memoryByteCounts: limits)
        let shortage = try #require(Self.shortage(alice, policy))
        #expect(shortage.rank == 1 && shortage.limit == limits[1] && shortage.fittingBoth == nil)
        var fitting = policy
        fitting.context = try #require(shortage.longestContext)
        #expect(Self.refusal(alice, fitting) == nil)
        fitting.context += 1
        #expect(Self.refusal(alice, fitting) != nil)
        fitting = policy
        fitting.shares = try #require(shortage.fittingShares)
        #expect(Self.refusal(alice, fitting) == nil)
        #expect(fitting.shares[0] > fitting.shares[1])
    }

    @Test func sharesAndContextAreLoweredTogetherWhereNeitherHelpsAlone() throws {
        let alice = try Resource.blueprint("alice")
        let even = try Plan(alice, policy: Policy(shares: [1, 1], context: 1)) { $0.isVector ? .f32 : .bf16 }
        let needed = even.holdings(rank: 1).peakByteCount
        let policy = Policy(
            shares: [1, 1], context: 512, memoryByteCounts: [needed * 17 / 10, needed * 8 / 10])
        let shortage = try #require(Self.shortage(alice, policy))
        #expect(shortage.longestContext == nil && shortage.fittingShares == nil)
        var fitting = policy
        fitting.shares = try #require(shortage.fittingBoth?.shares)
        fitting.context = try #require(shortage.fittingBoth?.context)
        #expect(Self.refusal(alice, fitting) == nil)
        #expect(fitting.context < 512)
    }

    @Test func aModelThatFitsNowhereIsRefusedWithoutAdvice() throws {
        let policy = Policy(shares: [1, 1], context: 512, memoryByteCounts: [1000, 1000])
        let shortage = try #require(Self.shortage(Resource.blueprint("alice"), policy))
        #expect(shortage.rank == 0 && shortage.limit == 1000 && shortage.longestContext == nil)
        #expect(shortage.fittingShares == nil && shortage.fittingBoth == nil)
        #expect(shortage.description.contains("add a machine"))
    }

    @Test func limitsForAnotherNumberOfRanksAreRefused() throws {
        let policy = Policy(shares: [1, 1], context: 8, memoryByteCounts: [1 << 30])
        #expect(Self.refusal(try Resource.blueprint("alice"), policy) == .memoryCount(expected: 2, found: 1))
    }

    @Test func refusalsSayWhereAndWhatToDo() throws {
        let alice = try Resource.blueprint("alice")
        let policies = [
            Policy(shares: [], context: 8), Policy(shares: [0], context: 8), Policy(shares: [1], context: 0),
            Policy(shares: [1], context: 8, chunk: 0), Policy(shares: [1, 1], way: .gather, wire: .q8, context: 8),
            Policy(shares: Array(repeating: 1, count: 1022), context: 8),
            Policy(shares: [1, 1], context: 8, memoryByteCounts: [1 << 30, 1 << 20]),
        ]
        for policy in policies {
            let text = try #require(Self.refusal(alice, policy)).description
            #expect(text.contains(": expected") && text.contains(", found"), "\(text)")
            #expect(text.contains("; "), "\(text)")
        }
    }
}
