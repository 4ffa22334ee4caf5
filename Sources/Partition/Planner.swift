public import Blueprint

/// Shares out a model so that its predicted decoding is as fast as the memory of the ranks allows.
///
/// What ranks exchange does not depend on where uneven ranges are cut. So a token takes a constant time and, for every
/// axis, what its slowest rank takes: where memory suffices each axis is shared out by itself, by ``RangeSearch``.
/// Where it does not, ``MemoryFitting`` goes on from there. A remainder that goes round the layers would even out
/// bytes, not time: layers of one kind are all cut alike.
public struct Planner {
    private let blueprint: Blueprint
    private let policy: Policy
    private let encodings: [String: Encoding]
    private let profile: ClusterProfile
    private let kinds: LayerKinds

    /// - Parameters:
    ///   - policy: with as many shares as the profile has ranks; they and its counts are replaced. Its memory limits
    ///     are lowered to what the profile says.
    ///   - profile: one that has been checked.
    ///   - encoding: how each weight is stored.
    public init(
        _ blueprint: Blueprint, policy: Policy, profile: ClusterProfile, encoding: (Weight) -> Encoding
    ) {
        let encodings = Dictionary(
            blueprint.weights.map { ($0.name, encoding($0)) }, uniquingKeysWith: { first, _ in first })
        self.init(blueprint, policy, profile, encodings)
    }

    private init(_ blueprint: Blueprint, _ policy: Policy, _ profile: ClusterProfile, _ encodings: [String: Encoding]) {
        var policy = policy.limited(by: profile)
        policy.shares = profile.ranks.map { _ in 1 }
        policy.counts = [:]
        policy.chunk = min(policy.chunk, policy.context)
        self.blueprint = blueprint
        self.policy = policy
        self.encodings = encodings
        self.profile = profile
        kinds = LayerKinds(blueprint, policy, encodings)
    }

    /// The position whose token is to take the least time: the last one of the context.
    public static func position(_ policy: Policy) -> Int { policy.context - 1 }

    /// The fastest plan that is found.
    ///
    /// - Throws: ``PartitionError`` for what cannot work; where nothing fits, for shares that follow memory.
    public func plan() throws(PartitionError) -> Plan {
        try Plan.check(policy, blueprint)
        let counts = policy.cutting == .uneven ? expertCuts.compactMap(counts) : []
        let plans = counts.map { counts in
            var policy = policy
            policy.counts = kinds.expanded(counts, to: blueprint)
            // What ranks get is what was asked for; none has a share of nothing.
            policy.shares = Plan(unchecked: blueprint, policy, encodings).sharesReached.map { max($0, 1e-9) }
            return Plan(unchecked: blueprint, policy, encodings)
        }
        guard let best = fastest(plans) else {
            return try Plan(byMemory: blueprint, policy: policy) { encodings[$0.name] ?? .f32 }
        }
        return try Plan(blueprint, policy: best.policy) { encodings[$0.name] ?? .f32 }
    }

    /// The ways to share out experts that are tried.
    private var expertCuts: [ExpertCut?] {
        kinds.blueprint.hasExperts && policy.experts == nil ? ExpertCut.allCases : [policy.experts]
    }

    /// The plan whose token takes the least time, the first of equals.
    private func fastest(_ plans: [Plan]) -> Plan? {
        guard plans.count > 1 else { return plans.first }
        return plans.min { seconds($0) < seconds($1) }
    }

    private func seconds(_ plan: Plan) -> Double {
        CostModel(plan, profile).decodedToken(position: Self.position(policy)).seconds
    }

    /// Units of each rank for every axis of ``LayerKinds/blueprint``; nil where none is found that fits.
    ///
    /// - Parameter experts: how experts are shared out.
    private func counts(_ experts: ExpertCut?) -> [Axis: [Int]]? {
        var policy = policy
        policy.experts = experts
        let plan = Plan(unchecked: kinds.blueprint, policy, encodings)
        let ranks = profile.ranks.map { RankCost($0, encodings: Set(encodings.values), policy: plan.policy) }
        let costs = AxisCost.all(plan, counts: kinds.counts, ranks, position: Self.position(policy))
        let unlimited = profile.ranks.map { _ in Int.max }
        let free = costs.compactMap { RangeSearch($0, caps: unlimited).counts() }
        // A profile's figures may be so small that times are infinite.
        guard free.count == costs.count else { return nil }
        let fitting = MemoryFitting(plan, costs, fixedByteCount: fixedByteCount)
        guard let counts = fitting.fitted(free) else { return nil }
        return Dictionary(zip(costs.map(\.axis), counts)) { first, _ in first }
    }

    /// Bytes of the weights that every rank holds.
    private var fixedByteCount: Int {
        let plan = Plan(unchecked: blueprint, policy, encodings)
        return blueprint.weights.filter { $0.isReplicated }
            .reduce(0) { $0 + plan.memoryByteCount(of: $1, plan.slices(of: $1, rank: 0)) }
    }
}

extension Policy {
    /// The same with memory limits of at most what a profile of as many ranks says.
    public func limited(by profile: ClusterProfile) -> Policy {
        // Limits of another number of ranks are refused where a plan is made.
        if let memoryByteCounts, memoryByteCounts.count != profile.ranks.count { return self }
        var policy = self
        policy.memoryByteCounts = profile.ranks.enumerated().map { rank, profile in
            min(profile.memoryByteCount, memoryByteCounts?[rank] ?? .max)
        }
        return policy
    }
}
