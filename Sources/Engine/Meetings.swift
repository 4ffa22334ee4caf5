package import MPI

/// Every point where the ranks met in the measured steps: how long this rank was in the collective, and what it had
/// computed since the point before.
///
/// All ranks meet at the same points, so the ranks' lists match. Of a collective the least time that any rank was in it
/// is the exchange; what a rank was in it beyond that, it waited. The end of a step counts as a point without a
/// collective. What a rank computes before a point counts as it is on average over the steps of as many points since
/// the last ``settle(on:)``: where ranks take turns on a core, it varies with what the others leave in the cache. Times
/// are nanoseconds.
package final class Meetings {
    /// What the collectives took when nobody waited: the same on all ranks.
    private(set) var exchange: Int64 = 0
    /// What this rank waited.
    package private(set) var waited: Int64 = 0
    /// The sum of what the slowest rank computed before each point.
    package private(set) var longestComputation: Int64 = 0
    private var inside: [Int64] = []  // [capacity]
    private var count = 0
    private var committed = 0
    private var computed: [Int64] = []  // [capacity]: the sums of each kind of steps, then the step that runs
    private var computedCount = 0
    private var summedCount = 0  // the sums in `computed`
    private var kinds: [Range<Int>] = []  // where among them those of steps that are alike are
    private let stepsDiffer: Bool

    // A step of any model meets far less often than half of it.
    private static let capacity = 1 << 16
    // Chunks that choose no token, chunks that do, and their like for other orders.
    private static let usualKinds = 16

    /// - Parameter stepsDiffer: whether ranks compute more or less from token to token, as owners of chosen experts do.
    ///   Then each step counts for itself.
    package init(stepsDiffer: Bool) { self.stepsDiffer = stepsDiffer }

    /// Whether the points since the last ``settle(on:)`` are so many that it is time for the next.
    var isHalfFull: Bool { committed > Self.capacity / 2 }

    /// Forgets everything; takes its memory the first time.
    package func clear() {
        (exchange, waited, longestComputation) = (0, 0, 0)
        makeRoom()
        guard inside.isEmpty else { return }
        inside = Array(repeating: 0, count: Self.capacity)
        computed = inside
        kinds.reserveCapacity(Self.usualKinds)
    }

    private func makeRoom() {
        (count, committed, computedCount, summedCount) = (0, 0, 0, 0)
        kinds.removeAll(keepingCapacity: true)
    }

    /// Adds a point.
    package func append(inside time: Int64, computed work: Int64) {
        precondition(count < Self.capacity, "A step meets less often than there is room for.")
        inside[count] = time
        computed[computedCount] = work
        count += 1
        computedCount += 1
    }

    /// Makes the points since the last step those of a finished one.
    package func commit() {
        // Steps that meet as often are alike: of a prompt's chunks only the last is shorter, and it chooses a token
        // too.
        if !stepsDiffer, let kind = kinds.first(where: { $0.count == computedCount - summedCount }) {
            for point in 0..<kind.count { computed[kind.lowerBound + point] += computed[summedCount + point] }
            computedCount = summedCount
        } else {
            if !stepsDiffer { kinds.append(summedCount..<computedCount) }
            summedCount = computedCount
        }
        committed = count
    }

    /// Compares the points of finished steps over all ranks, adds them up and makes room; to be called on every rank.
    package func settle(on communicator: Communicator) throws(MPIError) {
        var least = Array(inside[..<committed])
        var longest = Array(computed[..<summedCount])
        let own = least.reduce(0, +)
        if communicator.size > 1 {
            var leastSpan = least.mutableSpan
            try communicator.allReduce(&leastSpan, .minimum)
            var longestSpan = longest.mutableSpan
            try communicator.allReduce(&longestSpan, .maximum)
        }
        let common = least.reduce(0, +)
        exchange += common
        waited += own - common
        longestComputation += longest.reduce(0, +)
        makeRoom()
    }
}
