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
    let headDealings: [(dealing: HeadDealing, heads: [CutHeads])]
    /// The different dealings of channels of MLPs and experts, likewise.
    let widthDealings: [(dealing: WidthDealing, widths: [CutWidth])]
    let weights: [Weight]
    let attentions: [Attention]
    let mlps: [MLP]  // those that are shared experts included
    let mixtures: [Experts]
    let recurrences: [Recurrence]
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
        try checkPadding()
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
        var (attentions, mlps, mixtures): ([Attention], [MLP], [Experts]) = ([], [], [])
        for branch in blueprint.layers.flatMap(\.branches) {
            switch branch.mixer {
            case .attention(let attention):
                dealer.deal(CutHeads(attention, policy))
                attentions.append(attention)
            case .mlp(let mlp):
                dealer.deal(CutWidth(mlp))
                mlps.append(mlp)
            case .experts(let experts):
                dealer.deal(experts)
                mixtures.append(experts)
                if let shared = experts.shared { mlps.append(shared) }
            case .deltaNet, .stateSpace:
                if let heads = CutHeads(branch.mixer) { dealer.deal(heads) }
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
        self.mixtures = mixtures
        recurrences = blueprint.recurrences
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

    /// Whether products with a weight may round their input.
    package func roundsInput(of weight: Weight) -> Bool {
        policy.math == .fast && !weight.isVector && encoding(of: weight).isRounded
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
    var headDealings: [(dealing: HeadDealing, heads: [CutHeads])] = []
    var widthDealings: [(dealing: WidthDealing, widths: [CutWidth])] = []
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

    mutating func deal(_ heads: CutHeads) {
        if let counts = policy.counts[heads.axis] {
            let queries = Split(counts: counts)
            splits[heads.axis] = queries
            splits[heads.coveredAxis] = HeadDealing.cover(queries, groupSize: heads.groupSize)
            return
        }
        let shape = HeadDealing.Shape(heads, policy, encodings)
        let place = headDealings.firstIndex { $0.dealing.shape == shape } ?? headDealings.count
        if place == headDealings.count { headDealings.append((HeadDealing(shape, shares: policy.shares), [])) }
        headDealings[place].heads.append(heads)
        splits[heads.axis] = headDealings[place].dealing.heads
        splits[heads.coveredAxis] = headDealings[place].dealing.covered
    }

    /// Deals the channels of an MLP, of every expert, or of all experts end to end.
    mutating func deal(_ width: CutWidth) {
        if let counts = policy.counts[width.axis] {
            splits[width.axis] = Split(counts: counts)
            return
        }
        let shape = WidthDealing.Shape(width, policy, encodings)
        let place = widthDealings.firstIndex { $0.dealing.shape == shape } ?? widthDealings.count
        if place == widthDealings.count { widthDealings.append((WidthDealing(shape, shares: policy.shares), [])) }
        widthDealings[place].widths.append(width)
        splits[width.axis] = widthDealings[place].dealing.next()
    }

    /// Deals the experts of a mixture, or their channels, and its shared expert; of the axes of experts one is shared
    /// out and the others are whole on every rank.
    mutating func deal(_ experts: Experts) {
        for axis in [experts.memberAxis, experts.axis] {
            splits[axis] = Split(ranges: policy.shares.map { _ in 0..<axis.count })
        }
        switch policy.cut(of: experts, encodings) {
        case .inside: deal(CutWidth(experts))
        case .mixed: deal(CutWidth(endToEnd: experts))
        case .whole:
            let counts = policy.counts[experts.memberAxis]
            splits[experts.memberAxis] = Split(
                counts: counts ?? Dealing.deal(experts.memberAxis.count, shares: policy.shares))
        }
        if let shared = experts.shared { deal(CutWidth(shared)) }
    }
}

extension Policy {
    /// How the experts of a mixture are to be shared out: where that is not said, inside if every rank gets its share
    /// then; else as is fastest, of the equally fast the simplest.
    func cut(of experts: Experts, _ encodings: [String: Encoding]) -> ExpertCut {
        // One rank has all channels of all experts, whatever is cut.
        if shares.count == 1 { return .inside }
        if counts[experts.memberAxis] != nil { return .whole }
        if counts[experts.axis] != nil { return .inside }
        if counts[experts.channelAxis] != nil { return .mixed }
        if let cut = self.experts { return cut }
        func dealing(_ width: CutWidth) -> StepDealing {
            WidthDealing(WidthDealing.Shape(width, self, encodings), shares: shares).dealing
        }
        let inside = dealing(CutWidth(experts))
        guard !inside.isMet else { return .inside }
        let whole = WholeShares(shares)
        let (members, width) = (experts.memberAxis.count, experts.axis.count)
        // Channels of all experts.
        let others: [(cut: ExpertCut, counts: [Int])] = [
            (.whole, Dealing.deal(members, to: whole).map { $0 * width }),
            (.mixed, dealing(CutWidth(endToEnd: experts)).counts),
        ]
        var best = (cut: ExpertCut.inside, counts: inside.counts.map { $0 * members })
        for other in others where whole.isSlower(best.counts, than: other.counts) { best = other }
        return best.cut
    }
}
