public import Blueprint

/// Every split of a blueprint for given shares, and what follows from it per rank.
///
/// A plan is made once, on rank 0, and all ranks use the same one.
public struct Plan: Sendable, Hashable {
    /// What the model computes.
    public let blueprint: Blueprint
    /// What the plan was asked for; its chunk is at most its context.
    public let policy: Policy

    let splits: [Axis: Split]
    /// How each weight is stored, by its name.
    public let encodings: [String: Encoding]
    /// The different head dealings, in order of layers, each with its layers.
    let headDealings: [(dealing: HeadDealing, attentions: [Attention])]
    /// The different dealings of MLP channels, likewise.
    let widthDealings: [(dealing: WidthDealing, mlps: [MLP])]
    let weights: [Weight]
    let attentions: [Attention]
    let mlps: [MLP]
    /// Why shares are not equal, where memory has decided.
    var refusedEqualShares: MemoryShortage?

    /// Ranges of channels and rows are multiples of it where that costs next to nothing: a kernel computes so many
    /// rows at a time.
    static let rowBlock = 32

    /// The plan for `policy.shares.count` ranks.
    ///
    /// - Parameters:
    ///   - policy: shares, way, cutting, context, chunk and memory limits.
    ///   - encoding: how each weight is stored.
    /// - Throws: ``PartitionError`` for what cannot work, with the nearest plan that would.
    public init(_ blueprint: Blueprint, policy: Policy, encoding: (Weight) -> Encoding) throws(PartitionError) {
        try Self.check(policy, blueprint)
        let encodings = Dictionary(
            blueprint.weights.map { ($0.name, encoding($0)) }, uniquingKeysWith: { first, _ in first })
        self.init(unchecked: blueprint, policy, encodings)
        if policy.counts.isEmpty { try checkThatNoRankIsIdle() }
        try checkMemory()
    }

    /// A plan that may not work.
    init(unchecked blueprint: Blueprint, _ policy: Policy, _ encodings: [String: Encoding]) {
        var policy = policy
        policy.chunk = min(policy.chunk, policy.context)
        if policy.way == .gather { policy.math = .precise }
        var dealer = Dealer(policy: policy, encodings: encodings)
        dealer.deal(blueprint.vocabularyAxis)
        dealer.deal(blueprint.widthAxis)
        var (attentions, mlps): ([Attention], [MLP]) = ([], [])
        for branch in blueprint.layers.flatMap(\.branches) {
            switch branch.mixer {
            case .attention(let attention):
                dealer.deal(attention)
                attentions.append(attention)
            case .mlp(let mlp):
                dealer.deal(mlp)
                mlps.append(mlp)
            }
        }
        self.blueprint = blueprint
        self.policy = policy
        self.encodings = encodings
        splits = dealer.splits
        headDealings = dealer.headDealings
        widthDealings = dealer.widthDealings
        weights = blueprint.weights
        self.attentions = attentions
        self.mlps = mlps
    }

    /// The number of ranks.
    public var rankCount: Int { policy.shares.count }

    /// How an axis of the blueprint is shared out.
    ///
    /// - Parameter axis: one that a weight of the blueprint carries, its vocabulary axis or its width axis.
    public func split(of axis: Axis) -> Split {
        guard let split = splits[axis] else { preconditionFailure("the blueprint has no axis \(axis)") }
        return split
    }

    /// The encoding of a weight of the blueprint.
    public func encoding(of weight: Weight) -> Encoding {
        guard let encoding = encodings[weight.name] else {
            preconditionFailure("the blueprint has no weight \(weight.name)")
        }
        return encoding
    }

    /// Two plans are equal where they come from the same blueprint, policy and encodings.
    public static func == (first: Plan, second: Plan) -> Bool {
        first.policy == second.policy && first.encodings == second.encodings && first.blueprint == second.blueprint
    }

    /// Hashes what ``==(_:_:)`` compares, but for the blueprint's layers.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(policy)
        hasher.combine(encodings)
    }
}

/// Deals axis after axis; equal shapes are dealt once.
private struct Dealer {
    let policy: Policy
    let encodings: [String: Encoding]
    var splits: [Axis: Split] = [:]
    var headDealings: [(dealing: HeadDealing, attentions: [Attention])] = []
    var widthDealings: [(dealing: WidthDealing, mlps: [MLP])] = []
    private var dealtCounts: [Int: Split] = [:]

    init(policy: Policy, encodings: [String: Encoding]) {
        self.policy = policy
        self.encodings = encodings
    }

    /// Deals an axis that cuts no weight by columns.
    mutating func deal(_ axis: Axis) {
        if let counts = policy.counts[axis] {
            splits[axis] = Split(counts: counts)
            return
        }
        let dealt = dealtCounts[axis.count]
        let split =
            dealt
            ?? Split(
                counts: Dealing.deal(axis.count, shares: policy.shares, preferringMultiplesOf: Plan.rowBlock))
        dealtCounts[axis.count] = split
        splits[axis] = split
    }

    mutating func deal(_ attention: Attention) {
        if let counts = policy.counts[attention.queryAxis] {
            let queries = Split(counts: counts)
            splits[attention.queryAxis] = queries
            splits[attention.keyValueAxis] = HeadDealing.cover(queries, groupSize: attention.groupSize)
            return
        }
        let shape = HeadDealing.Shape(attention, policy, encodings)
        let place = headDealings.firstIndex { $0.dealing.shape == shape } ?? headDealings.count
        if place == headDealings.count { headDealings.append((HeadDealing(shape, shares: policy.shares), [])) }
        headDealings[place].attentions.append(attention)
        splits[attention.queryAxis] = headDealings[place].dealing.queries
        splits[attention.keyValueAxis] = headDealings[place].dealing.keyValues
    }

    mutating func deal(_ mlp: MLP) {
        if let counts = policy.counts[mlp.axis] {
            splits[mlp.axis] = Split(counts: counts)
            return
        }
        let shape = WidthDealing.Shape(mlp, policy, encodings)
        let place = widthDealings.firstIndex { $0.dealing.shape == shape } ?? widthDealings.count
        if place == widthDealings.count { widthDealings.append((WidthDealing(shape, shares: policy.shares), [])) }
        widthDealings[place].mlps.append(mlp)
        splits[mlp.axis] = widthDealings[place].dealing.next()
    }
}
