import Blueprint

/// Channels that ranks share out: those of an MLP, those of every expert of a mixture, or those of all its experts end
/// to end.
struct CutWidth: Hashable {
    /// The axis of channels.
    let axis: Axis
    /// The weight that has a column for each.
    let down: Weight

    init(_ mlp: MLP) {
        axis = mlp.axis
        down = mlp.down.weight
    }

    init(_ experts: Experts) {
        axis = experts.axis
        down = experts.down.weight
    }

    /// The channels of all experts, end to end.
    init(endToEnd experts: Experts) {
        axis = experts.channelAxis
        down = experts.down.weight
    }
}

/// How the channels of MLPs or experts of one shape are cut, and how the remainder goes round their layers.
struct WidthDealing: Hashable {
    /// What the cuts depend on.
    struct Shape: Hashable {
        var kind: Axis.Kind
        var width: Int
        /// Channels of one expert where those of all lie end to end; of others the width.
        var period: Int
        /// That of the weight that is split by columns, if that has groups.
        var grouping: Grouping?
        /// Whether zeros follow the columns of a range.
        var isPadded: Bool

        /// Where the channels may be cut.
        var borders: Borders {
            let borders = Borders(grouping, perUnit: 1, isPadded: isPadded)
            return period == width ? borders : borders.dividing(period)
        }

        /// Channels of which ranges are multiples where that costs next to nothing.
        var block: Int { period == width || period.isMultiple(of: Plan.rowBlock) ? Plan.rowBlock : 1 }
    }

    let shape: Shape
    let dealing: StepDealing
    /// Whether layers differ, so that all together follow the shares more closely than one can.
    let rotates: Bool
    private let shares: WholeShares
    private let limits: [Int]  // [ranks], in steps
    private var layerCount = 0
    private var given: [Int]  // [ranks], in steps

    init(_ shape: Shape, shares: [Double]) {
        let whole = WholeShares(shares)
        let dealing = StepDealing(shape.width, shape.borders, shares: whole, preferringMultiplesOf: shape.block)
        let steps = dealing.counts.map { ($0 + dealing.step - 1) / dealing.step }
        let slowest = whole.slowest(steps)
        limits = slowest.map { Dealing.limits(steps[$0], $0, whole) } ?? steps
        // Channels that stand each by itself are never few.
        rotates = shape.grouping != nil && !dealing.isMet && limits.reduce(0, +) > steps.reduce(0, +)
        given = steps.map { _ in 0 }
        self.shape = shape
        self.dealing = dealing
        self.shares = whole
    }

    /// The ranges of the next layer.
    mutating func next() -> Split {
        guard rotates, layerCount > 0 else { return Split(counts: add(dealing.counts)) }
        return Split(counts: add(rotated()))
    }

    private mutating func add(_ counts: [Int]) -> [Int] {
        layerCount += 1
        for (rank, count) in counts.enumerated() { given[rank] += (count + dealing.step - 1) / dealing.step }
        return counts
    }

    /// What every rank finishes in the time of the slowest, less the excess: of it each unit is left out by the rank
    /// that has most beyond its part of all layers so far.
    private func rotated() -> [Int] {
        let stepCount = (dealing.units + dealing.step - 1) / dealing.step
        var steps = limits
        for _ in 0..<limits.reduce(0, +) - stepCount {
            func surplus(_ rank: Int) -> Int128 {
                Int128(given[rank] + steps[rank]) * shares.sum
                    - Int128((layerCount + 1) * stepCount) * shares.values[rank]
            }
            var most: Int?
            for rank in steps.indices where steps[rank] > 0 {
                if let known = most, surplus(known) > surplus(rank) { continue }
                most = rank
            }
            if let most { steps[most] -= 1 }
        }
        var counts = steps.map { $0 * dealing.step }
        if let last = counts.lastIndex(where: { $0 > 0 }) { counts[last] -= stepCount * dealing.step - dealing.units }
        return counts
    }
}

extension WidthDealing.Shape {
    /// The shape of channels whose weights are in these encodings.
    init(_ cut: CutWidth, _ policy: Policy, _ encodings: [String: Encoding]) {
        kind = cut.axis.kind
        width = cut.axis.count
        period = cut.down.columns
        grouping = policy.grouping(cutByColumns: cut.down, encodings)
        // Whole experts are not padded, nor is what is cut beside them.
        isPadded = policy.cutting == .padded && cut.axis.kind != .expertChannels
    }
}
