import Blueprint

/// Moves units between ranks until every rank fits in its memory, and on until no move makes a token faster.
///
/// A rank that holds too much keeps the same part of each axis, as much as fits, and the others share out the rest
/// again; from there single moves and exchanges go down to an optimum, from the largest steps to the smallest.
struct MemoryFitting {
    private let plan: Plan
    private let costs: [AxisCost]
    private let fixedByteCount: Int
    private let bytesPerUnit: [Double]  // [axes]

    /// Units of each rank, `[axes][ranks]`.
    typealias Counts = [[Int]]

    /// - Parameters:
    ///   - plan: of one layer of each kind, with the memory limits.
    ///   - costs: of each of its axes.
    ///   - fixedByteCount: weights that every rank holds.
    init(_ plan: Plan, _ costs: [AxisCost], fixedByteCount: Int) {
        self.plan = plan
        self.costs = costs
        self.fixedByteCount = fixedByteCount
        bytesPerUnit = costs.map { cost in
            Double(cost.figures(0, 0..<cost.axis.count).byteCount) / Double(max(1, cost.axis.count))
        }
    }

    /// The same counts where they fit; else the best found that do, nil where none are found.
    func fitted(_ free: Counts) -> Counts? {
        let start = State(free, self)
        if start.lackingByteCount == 0 { return free }
        let starts = [capped(free), byMemory].compactMap { $0 }.map { State($0, self) }
        let best = starts.map(improved).min { $0.isBetter(than: $1) }
        return best.flatMap { $0.lackingByteCount == 0 ? $0.counts : nil }
    }

    /// Counts where ranks that hold too much keep what fits, of each axis the same part.
    private func capped(_ free: Counts) -> Counts? {
        var counts = free
        var caps = costs.map { _ in plan.policy.shares.map { _ in Int.max } }
        // Each round caps another rank, or lowers what it may hold by rounding.
        for _ in 0..<min(4 * plan.rankCount, 32) {
            let state = State(counts, self)
            let limits = plan.memoryLimits(state.needed)
            var isLowered = false
            for rank in state.needed.indices {
                guard let limit = limits[rank], state.needed[rank] > limit else { continue }
                let held = costs.indices.map { figures($0, rank, counts).byteCount }
                let sum = held.reduce(0, +)
                let room = max(0, limit - (state.needed[rank] - sum))
                for axis in costs.indices {
                    caps[axis][rank] = Int(Double(held[axis]) * Double(room) / Double(max(1, sum)))
                }
                isLowered = true
            }
            guard isLowered else { return counts }
            let next = zip(costs, caps).compactMap { RangeSearch($0, caps: $1).counts() }
            guard next.count == costs.count else { return counts }
            counts = next
        }
        return counts
    }

    /// Counts in proportion to memory.
    private var byMemory: Counts? {
        let capacities = plan.capacities
        guard capacities.allSatisfy({ $0 > 0 }) else { return nil }
        return costs.map { Dealing.deal($0.axis.count, shares: capacities) }
    }

    private func range(_ axis: Int, _ rank: Int, _ counts: Counts) -> Range<Int> {
        let start = counts[axis][..<rank].reduce(0, +)
        return start..<start + counts[axis][rank]
    }

    private func figures(_ axis: Int, _ rank: Int, _ counts: Counts) -> AxisCost.Figures {
        costs[axis].figures(rank, range(axis, rank, counts))
    }

    /// Counts, and what follows from them.
    private struct State {
        var counts: Counts
        /// Bytes of each rank at its peak.
        var needed: [Int]
        /// Bytes that ranks lack together.
        var lackingByteCount: Int
        /// Of a token, but for what does not depend on the counts.
        var seconds: Double

        init(_ counts: Counts, _ fitting: MemoryFitting) {
            self.counts = counts
            var (seconds, needed) = (0.0, [Int]())
            for axis in fitting.costs.indices {
                let all = counts[axis].indices.map { fitting.figures(axis, $0, counts).seconds }
                seconds += all.max() ?? 0
            }
            for rank in 0..<fitting.plan.rankCount {
                var (extents, held) = (Extents(fitting.plan, rank: rank), fitting.fixedByteCount)
                for (axis, cost) in fitting.costs.enumerated() {
                    let range = fitting.range(axis, rank, counts)
                    extents = cost.change(extents, to: range)
                    held += cost.figures(rank, range).byteCount
                }
                needed.append(held + fitting.plan.workspace(extents).byteCount)
            }
            let limits = fitting.plan.memoryLimits(needed)
            self.seconds = seconds
            self.needed = needed
            lackingByteCount = zip(needed, limits).reduce(0) { $0 + max(0, $1.0 - ($1.1 ?? .max)) }
        }

        func isBetter(than other: State) -> Bool {
            lackingByteCount != other.lackingByteCount
                ? lackingByteCount < other.lackingByteCount : seconds < other.seconds * (1 - 1e-5)
        }
    }

    /// The state from which no move, and no exchange of units of two axes, leads to a better one.
    private func improved(_ start: State) -> State {
        var state = start
        for level in 1...Self.levels {
            // Gains that go on for longer are small ones.
            for _ in 0..<Self.most {
                guard let better = better(than: state, level) else { break }
                state = better
            }
        }
        return state
    }

    /// Moves begin with half of an axis and end with a unit of any.
    private static let levels = 24
    private static let most = 64

    private func better(than state: State, _ level: Int) -> State? {
        for axis in costs.indices {
            let units = rounded(costs[axis].axis.count >> level, axis)
            guard units > 0 else { continue }
            for from in 0..<plan.rankCount {
                for to in 0..<plan.rankCount where to != from {
                    guard let moved = moving(state.counts, axis, units, from, to) else { continue }
                    let next = State(moved, self)
                    if next.isBetter(than: state) { return next }
                    if let next = exchanged(moved, axis, units, from, to, betterThan: state) { return next }
                }
            }
        }
        return nil
    }

    /// The first better state in which another axis's units, of about as many bytes, move the other way.
    private func exchanged(
        _ moved: Counts, _ axis: Int, _ units: Int, _ from: Int, _ to: Int, betterThan state: State
    ) -> State? {
        for other in costs.indices where other != axis {
            let alike = Double(units) * bytesPerUnit[axis] / max(1, bytesPerUnit[other])
            let fewer = rounded(Int(min(alike, 1e12)), other)
            for count in [fewer, fewer + step(max(1, fewer), other)] where count > 0 {
                guard let counts = moving(moved, other, count, to, from) else { continue }
                let next = State(counts, self)
                if next.isBetter(than: state) { return next }
            }
        }
        return nil
    }

    /// The largest step between cuts that is not more than so many units.
    private func step(_ units: Int, _ axis: Int) -> Int { costs[axis].steps.first { $0 <= units } ?? 1 }

    private func rounded(_ units: Int, _ axis: Int) -> Int {
        let step = step(max(1, units), axis)
        return units / step * step
    }

    private func moving(_ counts: Counts, _ axis: Int, _ units: Int, _ from: Int, _ to: Int) -> Counts? {
        guard counts[axis][from] > 0 else { return nil }
        var moved = counts
        let units = min(units, counts[axis][from])
        moved[axis][from] -= units
        moved[axis][to] += units
        return moved
    }
}
