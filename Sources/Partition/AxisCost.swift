import Blueprint

/// What a rank takes for a range of an axis, and what it holds of it: of all layers that are cut alike together.
final class AxisCost {
    /// The axis; its units are those of one layer.
    let axis: Axis
    /// Units between the places where cuts are tried, most first.
    let steps: [Int]
    private let plan: Plan
    private let ranks: [RankCost]
    private let position: Int
    private let stages: [Stage]
    private let weights: [(weight: Weight, count: Int)]
    private let remembering: (mixer: Mixer, count: Int)?
    private let others: [Axis]
    private var known: [Key: Figures] = [:]

    /// Work after which ranks meet.
    struct Stage {
        /// The branch that it is a stage of, and which; nil for the head.
        var branch: (branch: Branch, branchesInLayer: Int, number: Int)?
        /// Layers that have it.
        var count: Int
    }

    private struct Key: Hashable {
        var rank: Int
        var range: Range<Int>
    }

    /// A rank's figures for a range.
    struct Figures {
        /// Seconds of a decoded token.
        var seconds: Double
        /// Weights and cache.
        var byteCount: Int
    }

    /// - Parameters:
    ///   - plan: of one layer of each kind, with any cuts.
    ///   - position: tokens before the one that is decoded.
    ///   - stages: what takes time in proportion to the units.
    ///   - weights: those that are cut along the axis, and layers that have one alike.
    ///   - remembering: the mixer whose heads the axis counts, and layers that have one alike.
    ///   - others: axes of the same stages, whose part of the time is not this one's.
    init(
        _ axis: Axis, steps: [Int], _ plan: Plan, _ ranks: [RankCost], position: Int, stages: [Stage],
        weights: [(weight: Weight, count: Int)], remembering: (mixer: Mixer, count: Int)? = nil,
        others: [Axis] = []
    ) {
        self.axis = axis
        self.steps = steps
        self.plan = plan
        self.ranks = ranks
        self.position = position
        self.stages = stages
        self.weights = weights
        self.remembering = remembering
        self.others = others
    }

    /// The extents of a rank that has this range of the axis.
    func change(_ extents: Extents, to range: Range<Int>) -> Extents {
        let changed = extents.changing(axis, to: range)
        guard let (covered, groupSize) = remembering?.mixer.covered else { return changed }
        return changed.changing(covered, to: HeadDealing.cover(Split(ranges: [range]), groupSize: groupSize)[0])
    }

    /// What a rank takes for a range, and holds of it; worked out once.
    func figures(_ rank: Int, _ range: Range<Int>) -> Figures {
        let key = Key(rank: rank, range: range)
        if let figures = known[key] { return figures }
        let extents = change(Extents(plan, rank: rank), to: range)
        let alone = others.reduce(extents) { $0.changing($1, to: 0..<0) }
        let figures = Figures(seconds: seconds(rank, alone), byteCount: byteCount(extents))
        known[key] = figures
        return figures
    }

    private func seconds(_ rank: Int, _ extents: Extents) -> Double {
        stages.reduce(0) { sum, stage in
            let ofBranch = stage.branch.map { place in
                plan.stages(place.branch, branchesInLayer: place.branchesInLayer, extents)[place.number]
            }
            let work = ofBranch ?? plan.headStage(extents)
            let products = ranks[rank].seconds(work, tokens: 1, firstPosition: position)
            return sum + Double(stage.count) * (products + ranks[rank].restSeconds(work, tokens: 1))
        }
    }

    private func byteCount(_ extents: Extents) -> Int {
        let weights = weights.reduce(0) { sum, entry in
            sum + entry.count * plan.memoryByteCount(of: entry.weight, plan.slices(of: entry.weight, extents))
        }
        guard let (mixer, count) = remembering else { return weights }
        return weights + count * plan.rememberedByteCount(mixer, extents)
    }
}

extension AxisCost {
    /// The costs of every axis that ranks share out.
    ///
    /// - Parameters:
    ///   - plan: of one layer of each kind, with any cuts.
    ///   - counts: layers of each kind.
    static func all(_ plan: Plan, counts: [Int], _ ranks: [RankCost], position: Int) -> [AxisCost] {
        let isGathered = plan.policy.way == .gather && plan.rankCount > 1
        var costs: [AxisCost] = []
        var lastStages: [Stage] = []
        var lastWeights: [(Weight, Int)] = []
        for (layer, count) in zip(plan.blueprint.layers, counts) {
            for branch in layer.branches {
                let last = plan.lastProjections(branch.mixer).map(\.weight)
                let place = (branch, layer.branches.count, 0)
                let axes = branch.mixer.axes.filter(plan.isShared)
                for axis in axes {
                    let own = branch.mixer.weights(along: axis).filter { !(isGathered && last.contains($0)) }
                    costs.append(
                        AxisCost(
                            axis, steps: steps(axis, branch.mixer, plan), plan, ranks, position: position,
                            stages: [Stage(branch: place, count: count)], weights: own.map { ($0, count) },
                            remembering: branch.mixer.covered == nil ? nil : (branch.mixer, count),
                            others: axes.filter { $0 != axis }))
                }
                lastStages.append(Stage(branch: (branch, layer.branches.count, 1), count: count))
                lastWeights += last.map { ($0, count) }
            }
        }
        let (blueprint, blocks) = (plan.blueprint, [Plan.rowBlock, 1])
        let tables = [blueprint.embedding] + (blueprint.untiedHead.map { [$0] } ?? [])
        costs.append(
            AxisCost(
                blueprint.vocabularyAxis, steps: blocks, plan, ranks, position: position,
                stages: [Stage(branch: nil, count: 1)], weights: tables.map { ($0, 1) }))
        guard isGathered else { return costs }
        costs.append(
            AxisCost(
                blueprint.widthAxis, steps: blocks, plan, ranks, position: position, stages: lastStages,
                weights: lastWeights))
        return costs
    }

    private static func steps(_ axis: Axis, _ mixer: Mixer, _ plan: Plan) -> [Int] {
        func ofChannels(_ width: CutWidth) -> [Int] {
            let shape = WidthDealing.Shape(width, plan.policy, plan.encodings)
            return shape.grouping == nil ? [shape.block, 1] : shape.borders.steps
        }
        func ofHeads(_ heads: CutHeads) -> [Int] {
            let grouping = plan.policy.grouping(cutByColumns: heads.last, plan.encodings)
            return Borders(grouping, perUnit: heads.columnsPerHead, isPadded: false).steps
        }
        switch mixer {
        case .attention(let attention):
            return ofHeads(CutHeads(attention, plan.policy))
        case .deltaNet, .stateSpace:
            return CutHeads(mixer).map(ofHeads) ?? [1]
        case .mlp(let mlp):
            return ofChannels(CutWidth(mlp))
        case .experts(let experts):
            if axis == experts.memberAxis { return [1] }
            if axis == experts.channelAxis { return ofChannels(CutWidth(endToEnd: experts)) }
            guard let shared = experts.shared, axis == shared.axis else { return ofChannels(CutWidth(experts)) }
            return ofChannels(CutWidth(shared))
        }
    }
}

extension Mixer {
    /// The axis of heads that follows from the one that is dealt, and how many of these read one of them.
    fileprivate var covered: (axis: Axis, groupSize: Int)? {
        switch self {
        case .attention(let attention): (attention.keyValueAxis, attention.groupSize)
        case .deltaNet(let net): (net.recurrence.coveredAxis, net.recurrence.groupSize)
        case .stateSpace(let space): (space.recurrence.coveredAxis, space.recurrence.groupSize)
        case .mlp, .experts: nil
        }
    }

    /// The weights of which ranks that share out one of its axes hold parts.
    fileprivate func weights(along axis: Axis) -> [Weight] {
        let weights =
            switch self {
            case .attention, .mlp, .deltaNet, .stateSpace: self.weights
            case .experts(let experts):
                if let shared = experts.shared, shared.axis == axis { shared.weights } else { experts.expertWeights }
            }
        return weights.filter { !$0.isReplicated }
    }
}
