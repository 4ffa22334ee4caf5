import Blueprint
import Partition
import Testing

@Suite struct PlannerTests {
    /// What a token takes by a plan with these counts; nil where some rank lacks memory.
    private static func seconds(
        _ counts: [Axis: [Int]], _ model: Blueprint, _ policy: Policy, _ profile: ClusterProfile
    ) throws -> Double? {
        var policy = policy
        policy.counts = counts
        let plan = try Plan(model, policy: policy) { _ in .f32 }
        let fits = profile.ranks.indices.allSatisfy {
            plan.holdings(rank: $0).peakByteCount <= profile.ranks[$0].memoryByteCount
        }
        return !fits ? nil : CostModel(plan, profile).decodedToken(position: Planner.position(policy)).seconds
    }

    /// Every way to put units on ranks.
    private static func compositions(_ units: Int, _ ranks: Int) -> [[Int]] {
        guard ranks > 1 else { return [[units]] }
        return (0...units).flatMap { first in compositions(units - first, ranks - 1).map { [first] + $0 } }
    }

    /// The least time of all splits of all axes, by trying each.
    private static func least(_ model: Blueprint, _ policy: Policy, _ profile: ClusterProfile) throws -> Double? {
        let axes = model.dealtAxes.filter { $0.kind != .width }
        let choices = axes.map { compositions($0.count, profile.ranks.count) }
        var best: Double?
        var numbers = axes.map { _ in 0 }
        while true {
            let counts = Dictionary(uniqueKeysWithValues: axes.indices.map { (axes[$0], choices[$0][numbers[$0]]) })
            if let seconds = try seconds(counts, model, policy, profile) { best = min(best ?? .infinity, seconds) }
            guard let next = numbers.indices.first(where: { numbers[$0] + 1 < choices[$0].count }) else { return best }
            numbers[next] += 1
            for lower in 0..<next { numbers[lower] = 0 }
        }
    }

    private static func plan(
        _ model: Blueprint, _ policy: Policy, _ profile: ClusterProfile, _ encoding: Encoding = .f32
    ) throws -> Plan {
        try Planner(model, policy: policy, profile: profile) { $0.isVector ? .f32 : encoding }.plan()
    }

    private static func seconds(_ plan: Plan, _ profile: ClusterProfile) -> Double {
        CostModel(plan, profile).decodedToken(position: Planner.position(plan.policy)).seconds
    }

    private static func policy(_ profile: ClusterProfile, _ way: Way = .sum, context: Int = 16) -> Policy {
        Policy(shares: profile.ranks.map { _ in 1 }, way: way, context: context, chunk: 4)
    }

    @Test(arguments: 0..<6) func noSplitOfASmallModelIsFaster(seed: UInt64) throws {
        var random = Random(seed: seed)
        let profile = Clusters.random(&random, most: 3)
        let model = try Resource.model(
            heads: 4, keyValueHeads: [1, 2, 4][random.next(in: 0...2)], headSize: 4, width: 16, mlpWidth: 6,
            vocabulary: 4)
        let policy = Self.policy(profile)
        let best = try #require(try Self.least(model, policy, profile))
        let planned = Self.seconds(try Self.plan(model, policy, profile), profile)
        #expect(planned <= 1.0051 * best, "\(planned) against \(best)")
        #expect(planned >= best * (1 - 1e-9))
    }

    @Test func noSplitForFourRanksIsFaster() throws {
        let profile = Clusters.profile([3e7, 1e7, 5e7, 2e7].map { Clusters.rank($0) })
        let model = try Resource.model(
            heads: 4, keyValueHeads: 2, headSize: 4, width: 16, mlpWidth: 4, vocabulary: 3)
        let best = try #require(try Self.least(model, Self.policy(profile), profile))
        #expect(Self.seconds(try Self.plan(model, Self.policy(profile), profile), profile) <= 1.0051 * best)
    }

    /// Memory for some of what each rank would get without limits.
    @Test(arguments: 0..<10) func noSplitThatFitsInMemoryIsFaster(seed: UInt64) throws {
        var random = Random(seed: 100 + seed)
        var profile = Clusters.profile(
            (0..<random.next(in: 2...3)).map { _ in Clusters.rank(Double(random.next(in: 10...80)) * 1e6) })
        let model = try Resource.model(
            heads: 4, keyValueHeads: 2, headSize: 16, width: 64, mlpWidth: 6, vocabulary: 5)
        let policy = Self.policy(profile, context: 64)
        let free = try Self.plan(model, policy, profile)
        for rank in profile.ranks.indices {
            let held = Double(free.holdings(rank: rank).peakByteCount)
            profile.ranks[rank].memoryByteCount = Int(held * Double(random.next(in: 70...140)) / 100)
        }
        guard let best = try Self.least(model, policy, profile) else {
            #expect(throws: PartitionError.self) { try Self.plan(model, policy, profile) }
            return
        }
        let plan = try Self.plan(model, policy, profile)
        for rank in profile.ranks.indices {
            #expect(plan.holdings(rank: rank).peakByteCount <= profile.ranks[rank].memoryByteCount)
        }
        let planned = Self.seconds(plan, profile)
        #expect(planned <= 1.01 * best, "\(planned) against \(best)")
    }

    @Test(arguments: 0..<40) func everyUnitIsHeldOnceAndEveryRunIsAlike(seed: UInt64) throws {
        var random = Random(seed: 1000 + seed)
        let profile = Clusters.random(&random, most: 6)
        let keyValueHeads = random.next(in: 1...4)
        let model = try Resource.model(
            heads: keyValueHeads * random.next(in: 1...4), keyValueHeads: keyValueHeads,
            headSize: 2 * random.next(in: 2...16), width: random.next(in: 8...96), mlpWidth: random.next(in: 1...400),
            vocabulary: random.next(in: 1...300), layers: random.next(in: 1...3))
        let encoding = [Encoding.f32, .bf16, try Resource.grouped(4, 32)][random.next(in: 0...2)]
        let policy = Self.policy(profile, random.next(in: 0...1) == 0 ? .sum : .gather)
        let plan = try Self.plan(model, policy, profile, encoding)
        for axis in model.dealtAxes {
            let ranges = plan.split(of: axis).ranges
            #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == axis.count)
            #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        }
        for attention in Resource.attentions(model) {
            for rank in profile.ranks.indices {
                let heads = plan.heads(of: attention, rank: rank)
                for query in heads.heads { #expect(heads.covered.contains(query / attention.groupSize)) }
            }
        }
        #expect(try Self.plan(model, policy, profile, encoding).fingerprint == plan.fingerprint)
        let equal = try? Plan(model, policy: policy) { $0.isVector ? .f32 : encoding }
        if let equal { #expect(Self.seconds(plan, profile) <= 1.0051 * Self.seconds(equal, profile)) }
    }

    @Test func aRankThatIsFourTimesSlowerGetsAFifth() throws {
        let profile = Clusters.profile([Clusters.rank(4e9), Clusters.rank(1e9)], latency: 1e-6)
        let model = try Resource.model(
            heads: 40, keyValueHeads: 40, headSize: 32, width: 1280, mlpWidth: 6400, vocabulary: 6400, layers: 4)
        let plan = try Self.plan(model, Self.policy(profile), profile)
        for axis in model.dealtAxes where axis.kind != .width {
            let part = Double(plan.split(of: axis)[1].count) / Double(axis.count)
            #expect(abs(part - 0.2) < 0.01, "\(axis): \(part)")
        }
        let equal = try Plan(model, policy: Self.policy(profile)) { _ in .f32 }
        #expect(Self.seconds(equal, profile) > 2.4 * Self.seconds(plan, profile))
    }

    @Test func groupsAreCutOnTheirBordersWhereThatCostsNextToNothing() throws {
        let profile = Clusters.profile([5e9, 3e9, 2e9].map { Clusters.rank($0) })
        let model = try Resource.model(
            heads: 32, keyValueHeads: 8, headSize: 128, width: 512, mlpWidth: 14336, vocabulary: 32000)
        let plan = try Self.plan(model, Self.policy(profile), profile, try Resource.grouped(4, 32))
        for range in plan.split(of: try #require(model.dealtAxes.last)).ranges {
            #expect(range.lowerBound.isMultiple(of: 32) && range.upperBound.isMultiple(of: 32))
        }
        for weight in model.weights { #expect(plan.scalesHeldTwice(of: weight).count == 0) }
    }

    /// Its layers alone take longer than the work of the others.
    @Test(arguments: Way.allCases) func aRankThatIsTooSlowForAnythingGetsNothing(way: Way) throws {
        var profile = Clusters.profile([Clusters.rank(4e9), Clusters.rank(2e9), Clusters.rank(1e3)])
        profile.ranks[2].secondsPerLayer = 1
        let model = try Resource.model(heads: 10, keyValueHeads: 2, width: 64, mlpWidth: 411, vocabulary: 1021)
        let plan = try Self.plan(model, Self.policy(profile, way), profile)
        for axis in model.dealtAxes where way == .gather || axis.kind != .width {
            #expect(plan.split(of: axis)[2].isEmpty && !plan.split(of: axis)[1].isEmpty, "\(axis)")
        }
        #expect(!plan.remarks.contains { $0.hasPrefix("rank 2 was to get") }, "\(plan.remarks)")
    }

    @Test func anAxisOfFewUnitsMayLeaveOutTheSlowest() throws {
        let profile = Clusters.profile([1e9, 1e7].map { Clusters.rank($0) })
        let model = try Resource.model(heads: 2, keyValueHeads: 1, width: 64, mlpWidth: 64, vocabulary: 64)
        let plan = try Self.plan(model, Self.policy(profile), profile)
        let heads = try #require(Resource.attentions(model).first)
        #expect(plan.split(of: heads.queryAxis).counts == [2, 0])
        #expect(plan.remarks.contains { $0.hasPrefix("shared out so that the predicted token is the fastest") })
    }

    @Test func aRankThatOnlySlowsTheRestIsNamed() throws {
        let profile = Clusters.profile(
            [
                Clusters.rank(5e9, host: "tower"), Clusters.rank(5e9, host: "desk"),
                Clusters.rank(5e6, callSeconds: 1e-3, host: "oldbox"),
            ], latency: 1e-4)
        let model = try Resource.model(
            heads: 8, keyValueHeads: 8, headSize: 64, width: 512, mlpWidth: 2048, vocabulary: 4096, layers: 4)
        let summary = try Self.plan(model, Self.policy(profile), profile).summary(profile)
        let remark = try #require(summary.remarks.first)
        #expect(remark.hasPrefix("rank 2 (oldbox) only slows the rest: without it a token is predicted to take "))
        let forecast = try #require(summary.forecast)
        #expect(
            forecast.alternatives.map(\.kind) == [.balanced, .equal, .byMemory, .fewer, .alone, .pipeline])
        #expect(forecast.alternatives[3].ranks == [0, 1])
        #expect(forecast.alternatives[0].tokenSeconds == forecast.tokenSeconds)
        let pair = Clusters.profile(Array(profile.ranks.dropFirst()), latency: 1e-4)
        let ofTwo = try #require(try Self.plan(model, Self.policy(pair), pair).summary(pair).remarks.first)
        #expect(ofTwo.hasPrefix("rank 1 (oldbox) only slows the rest: "), "\(ofTwo)")
    }

    @Test func anAlternativeThatDoesNotFitSaysWhy() throws {
        var profile = Clusters.profile([Clusters.rank(1e9), Clusters.rank(1e9)])
        let model = try Resource.model(heads: 8, keyValueHeads: 8, width: 256, mlpWidth: 2048, vocabulary: 2048)
        let whole = try Plan(model, policy: Policy(shares: [1], context: 16, chunk: 4)) { _ in .f32 }
        let needed = whole.holdings(rank: 0).peakByteCount
        profile.ranks[0].memoryByteCount = needed * 3 / 4
        profile.ranks[1].memoryByteCount = needed * 35 / 100
        let forecast = try #require(try Self.plan(model, Self.policy(profile), profile).summary(profile).forecast)
        func alternative(_ kind: Forecast.Alternative.Kind) -> Forecast.Alternative? {
            forecast.alternatives.first { $0.kind == kind }
        }
        #expect(alternative(.equal)?.refusal?.hasPrefix("rank 1 would hold ") == true)
        #expect(alternative(.alone)?.refusal?.hasPrefix("rank 0 would hold ") == true)
        #expect(alternative(.byMemory)?.tokenSeconds != nil && alternative(.pipeline)?.tokenSeconds != nil)
    }

    @Test func whereNothingFitsTheRefusalNamesRankAndRemedies() throws {
        let profile = Clusters.profile([Clusters.rank(1e9, memory: 1 << 20), Clusters.rank(1e9, memory: 1 << 20)])
        let model = try Resource.model(heads: 8, keyValueHeads: 8, width: 256, mlpWidth: 2048, vocabulary: 2048)
        do {
            _ = try Self.plan(model, Self.policy(profile), profile)
            Issue.record("expected a refusal")
        } catch let error as PartitionError {
            #expect(error.description.hasPrefix("rank 0: expected to fit in 1.05 MB, found "), "\(error)")
        }
    }
}
