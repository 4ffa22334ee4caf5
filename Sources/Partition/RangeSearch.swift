import Blueprint

/// Shares out an axis so that the rank that takes longest takes the least time.
///
/// Ranks take ranges in their order. Whether all can be done within a time is found by giving each rank the longest
/// range that it finishes in it: a rank that begins later never ends earlier, for what a range costs does not shrink
/// when it grows. The least such time is found by halving.
struct RangeSearch {
    private let cost: AxisCost
    private let rankCount: Int
    private let caps: [Int]

    /// - Parameter caps: bytes of the axis that each rank may hold.
    init(_ cost: AxisCost, caps: [Int]) {
        self.cost = cost
        rankCount = caps.count
        self.caps = caps
    }

    /// Units of each rank, in the largest steps that cost less than 0.5 %; nil where not all units find room.
    func counts() -> [Int]? {
        let found = cost.steps.map(best)
        guard let finest = found.last, let finest else { return nil }
        for result in found {
            guard let result, result.seconds <= 1.005 * finest.seconds else { continue }
            return evened(result.borders, step: result.step, within: result.seconds)
        }
        return nil
    }

    private struct Result {
        /// Where each rank's range ends.
        var borders: [Int]
        var step: Int
        /// What the slowest rank takes.
        var seconds: Double
    }

    private func best(step: Int) -> Result? {
        guard let any = forward(step, within: .infinity) else { return nil }
        var result = Result(borders: any, step: step, seconds: slowest(any))
        var least = 0.0
        while result.seconds - least > 1e-9 * result.seconds {
            let middle = least + (result.seconds - least) / 2
            if let borders = forward(step, within: middle) {
                result.borders = borders
                result.seconds = slowest(borders)
            } else {
                least = middle
            }
        }
        return result
    }

    /// What the slowest rank takes that has a range: the others are always done in time.
    private func slowest(_ borders: [Int]) -> Double {
        var start = 0
        return borders.enumerated().reduce(0) { slowest, entry in
            defer { start = entry.element }
            guard start < entry.element else { return slowest }
            return max(slowest, cost.figures(entry.offset, start..<entry.element).seconds)
        }
    }

    private func fits(_ rank: Int, _ range: Range<Int>, within seconds: Double) -> Bool {
        guard !range.isEmpty else { return true }
        let figures = cost.figures(rank, range)
        return figures.seconds <= seconds && figures.byteCount <= caps[rank]
    }

    /// The ends of the longest ranges from the first unit on; nil where units are left over.
    private func forward(_ step: Int, within seconds: Double) -> [Int]? {
        let stepCount = (cost.axis.count + step - 1) / step
        var (borders, start) = ([Int](), 0)
        for rank in 0..<rankCount {
            let begin = min(start * step, cost.axis.count)
            start = last(start...stepCount) { fits(rank, begin..<min($0 * step, cost.axis.count), within: seconds) }
            borders.append(min(start * step, cost.axis.count))
        }
        return start == stepCount ? borders : nil
    }

    /// The ends of the ranges where the last rank takes the longest one, then the one before it.
    private func backward(_ step: Int, within seconds: Double) -> [Int] {
        let stepCount = (cost.axis.count + step - 1) / step
        var (borders, end) = ([Int](), stepCount)
        for rank in (0..<rankCount).reversed() {
            borders.append(min(end * step, cost.axis.count))
            let (limit, stop) = (end, min(end * step, cost.axis.count))
            end -= last(0...limit) { fits(rank, min((limit - $0) * step, stop)..<stop, within: seconds) }
        }
        return borders.reversed()
    }

    /// The last number that holds; the first one does, and none after one that does not.
    private func last(_ numbers: ClosedRange<Int>, _ holds: (Int) -> Bool) -> Int {
        var (good, bad) = (numbers.lowerBound, numbers.upperBound + 1)
        while bad - good > 1 {
            let middle = good + (bad - good) / 2
            if holds(middle) { good = middle } else { bad = middle }
        }
        return good
    }

    /// Counts as even as the time allows: borders half way between the last and the first possible ones.
    private func evened(_ borders: [Int], step: Int, within seconds: Double) -> [Int] {
        var middle = zip(borders, backward(step, within: seconds)).map { late, early in
            late == early ? late : (late + early) / (2 * step) * step
        }
        middle[rankCount - 1] = cost.axis.count
        let counts = Self.counts(middle)
        var start = 0
        let holds = counts.enumerated().allSatisfy { rank, count in
            defer { start += max(0, count) }
            return count >= 0 && fits(rank, start..<start + count, within: seconds)
        }
        return holds ? counts : Self.counts(borders)
    }

    private static func counts(_ borders: [Int]) -> [Int] { zip(borders, [0] + borders).map { $0 - $1 } }
}
