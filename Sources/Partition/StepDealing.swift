/// An axis dealt in the largest steps between borders that meet the shares.
struct StepDealing: Hashable {
    /// The number of units.
    let units: Int
    /// Units between the borders that were taken.
    let step: Int
    /// The units of each rank.
    let counts: [Int]
    /// The units of each rank with the largest steps.
    let largestCounts: [Int]
    /// Whether every rank gets its share within 5 %.
    let isMet: Bool

    /// The largest steps if every rank gets its share within 5 % with them. If not, the first of the others with which
    /// none gets 5 % more than its share: one that gets less holds up nobody. Where there are none, the first with
    /// which the slowest rank takes less than 5 % longer than with the last.
    ///
    /// - Parameter block: ranges in the largest steps are multiples of it where that costs next to nothing; a
    ///   preference for which no group is cut.
    init(_ units: Int, _ borders: Borders, shares: WholeShares, preferringMultiplesOf block: Int = 1) {
        var dealt = borders.steps.map { Dealing.deal(units, inSteps: $0, to: shares, preferringMultiplesOf: 1) }
        let inBlocks = Dealing.deal(units, inSteps: borders.steps[0], to: shares, preferringMultiplesOf: block)
        if dealt.count == 1 || shares.areMet(inBlocks, of: units) { dealt[0] = inBlocks }
        let fitting = dealt.indices.first { place in
            place == 0 ? shares.areMet(dealt[0], of: units) : !shares.areExceeded(dealt[place], of: units)
        }
        let last = dealt[dealt.count - 1]
        let chosen = fitting ?? dealt.firstIndex { shares.isNearlyAsFast($0, as: last, percent: 5) } ?? 0
        self.units = units
        step = borders.steps[chosen]
        counts = dealt[chosen]
        largestCounts = dealt[0]
        isMet = shares.areMet(counts, of: units)
    }
}

extension Dealing {
    /// Deals runs of `step` units; only the last range that is not empty may end beside a multiple.
    ///
    /// Ranges are multiples of `block` where that slows the slowest rank by less than 1 % and empties no range.
    static func deal(
        _ units: Int, inSteps step: Int, to shares: WholeShares, preferringMultiplesOf block: Int
    ) -> [Int] {
        let exact = deal(units, inSteps: step, to: shares)
        guard block > step, block.isMultiple(of: step) else { return exact }
        let counts = deal(units, inSteps: block, to: shares)
        let emptiesNone = zip(exact, counts).allSatisfy { $0 == 0 || $1 > 0 }
        return emptiesNone && shares.isNearlyAsFast(counts, as: exact, percent: 1) ? counts : exact
    }

    private static func deal(_ units: Int, inSteps step: Int, to shares: WholeShares) -> [Int] {
        let stepCount = (units + step - 1) / step
        var counts = deal(stepCount, to: shares).map { $0 * step }
        if let last = counts.lastIndex(where: { $0 > 0 }) { counts[last] -= stepCount * step - units }
        return counts
    }
}

extension WholeShares {
    /// Whether every rank has its part of `units` within 5 %.
    func areMet(_ counts: [Int], of units: Int) -> Bool {
        zip(counts, values).allSatisfy { count, value in
            let asked = Int128(units) * value
            return 20 * (Int128(count) * sum - asked).magnitude <= asked.magnitude
        }
    }

    /// Whether a rank has over 5 % more than its part of `units`.
    func areExceeded(_ counts: [Int], of units: Int) -> Bool {
        zip(counts, values).contains { 20 * Int128($0) * sum > 21 * Int128(units) * $1 }
    }

    /// The largest part of its share that a rank has too much or lacks.
    func largestMiss(_ counts: [Int], of units: Int) -> Double {
        zip(counts, values).reduce(0) { worst, rank in
            let asked = Double(units) * Double(rank.1) / Double(sum)
            return max(worst, (Double(rank.0) - asked).magnitude / asked)
        }
    }

    /// Whether the slowest rank takes less than so many percent longer than the slowest of `others`.
    func isNearlyAsFast(_ counts: [Int], as others: [Int], percent: Int) -> Bool {
        guard counts != others, let last = slowest(counts), let otherLast = slowest(others) else { return true }
        return isSlower((100 + percent) * others[otherLast], otherLast, than: 100 * counts[last], last)
    }
}
