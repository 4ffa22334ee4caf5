/// Deals the units of an axis to ranks so that the slowest rank finishes as early as it can.
public enum Dealing {
    /// How many units each rank gets.
    ///
    /// The largest `units[i] / shares[i]` is as small as it can be. Among the equally fast: ranks with equal shares get
    /// equal counts where they can, then the counts are as close to proportional as they can be (least squares), then
    /// earlier ranks get more. Nothing but the ratios of the shares matters.
    ///
    /// - Parameters:
    ///   - units: the number of units, at least 0.
    ///   - shares: a finite number above zero per rank.
    public static func deal(_ units: Int, shares: [Double]) -> [Int] {
        deal(units, to: WholeShares(shares))
    }

    /// The same, in multiples of `block` where that slows the slowest rank by less than 1 %.
    ///
    /// Only the last range that is not empty then ends beside a multiple. No range becomes empty for the sake of
    /// blocks.
    public static func deal(_ units: Int, shares: [Double], preferringMultiplesOf block: Int) -> [Int] {
        precondition(block > 0, "a block has at least one unit")
        return deal(units, inSteps: 1, to: WholeShares(shares), preferringMultiplesOf: block)
    }

    static func deal(_ units: Int, to shares: WholeShares) -> [Int] {
        precondition(units >= 0, "units are counted from zero")
        guard units > 0, !shares.values.isEmpty else { return shares.values.map { _ in 0 } }
        let fast = oneOfTheFastest(units, shares)
        guard let slowest = shares.slowest(fast) else { return fast }
        // Every way of leaving out the excess is as fast.
        return fairest(units, shares, limits: limits(fast[slowest], slowest, shares))
    }

    /// What each rank finishes while the slowest one does its units.
    static func limits(_ units: Int, _ slowest: Int, _ shares: WholeShares) -> [Int] {
        shares.values.map { Int(Int128(units) * $0 / shares.values[slowest]) }
    }

    /// The proportional parts rounded down, then unit by unit to the rank that would have it done first.
    private static func oneOfTheFastest(_ units: Int, _ shares: WholeShares) -> [Int] {
        var counts = shares.values.map { Int(Int128(units) * $0 / shares.sum) }
        for _ in 0..<units - counts.reduce(0, +) {
            var first = 0
            for rank in counts.indices.dropFirst()
            where shares.isSlower(counts[first] + 1, first, than: counts[rank] + 1, rank) {
                first = rank
            }
            counts[first] += 1
        }
        return counts
    }

    /// Leaves the excess out so that the order of preference in ``deal(_:shares:)`` is met.
    ///
    /// Ranks with equal shares have equal limits and are dealt with together. The excess is less than the number of
    /// ranks, so that every number of units to leave out of a class is tried.
    private static func fairest(_ units: Int, _ shares: WholeShares, limits: [Int]) -> [Int] {
        let excess = limits.reduce(0, +) - units
        var best: [Candidate?] = Array(repeating: nil, count: excess + 1)
        best[0] = Candidate(counts: limits)
        for ranks in classes(shares) {
            var next: [Candidate?] = Array(repeating: nil, count: excess + 1)
            for (leftOut, candidate) in best.enumerated() {
                guard let candidate else { continue }
                for more in 0...min(excess - leftOut, ranks.count * limits[ranks[0]]) {
                    let extended = candidate.leavingOut(more, of: ranks, units, shares)
                    guard let rival = next[leftOut + more], !extended.isBetter(than: rival) else {
                        next[leftOut + more] = extended
                        continue
                    }
                }
            }
            best = next
        }
        return best[excess]?.counts ?? limits
    }

    /// The ranks of each share, by first appearance.
    private static func classes(_ shares: WholeShares) -> [[Int]] {
        var positions: [Int128: Int] = [:]
        var classes: [[Int]] = []
        for (rank, share) in shares.values.enumerated() {
            if let position = positions[share] {
                classes[position].append(rank)
            } else {
                positions[share] = classes.count
                classes.append([rank])
            }
        }
        return classes
    }

    /// A choice for the classes of ranks considered so far.
    private struct Candidate {
        var counts: [Int]
        /// Classes of equal shares with unequal counts.
        var unequalClasses = 0
        /// The sum of squared distances from the proportional parts, less that of the limits, times the sum of shares.
        var distance: Int128 = 0

        func leavingOut(_ leftOut: Int, of ranks: [Int], _ units: Int, _ shares: WholeShares) -> Candidate {
            var result = self
            let limit = counts[ranks[0]]
            let (least, extra) = (ranks.count * limit - leftOut).quotientAndRemainder(dividingBy: ranks.count)
            let beyond = Int128(limit) * shares.sum - Int128(units) * shares.values[ranks[0]]
            for (position, rank) in ranks.enumerated() {
                result.counts[rank] = position < extra ? least + 1 : least
                let less = Int128(limit - result.counts[rank])
                result.distance += less * less * shares.sum - 2 * less * beyond
            }
            result.unequalClasses += extra > 0 ? 1 : 0
            return result
        }

        func isBetter(than other: Candidate) -> Bool {
            if unequalClasses != other.unequalClasses { return unequalClasses < other.unequalClasses }
            if distance != other.distance { return distance < other.distance }
            return other.counts.lexicographicallyPrecedes(counts)
        }
    }
}
