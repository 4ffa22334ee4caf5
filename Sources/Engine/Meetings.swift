import MPI

/// Every point where the ranks met in the measured steps: how long this rank was in the collective, and what it had
/// computed since the point before.
///
/// All ranks meet at the same points, so the ranks' lists match. Of a collective the least time that any rank was in it
/// is the exchange; what a rank was in it beyond that, it waited. The end of a step counts as a point without a
/// collective. What a rank computes before a point counts as it is on average over steps of as many points: where ranks
/// take turns on a core, it varies with what the others leave in the cache. Times are nanoseconds.
final class Meetings {
    /// What the collectives took when nobody waited: the same on all ranks.
    private(set) var exchange: Int64 = 0
    /// What this rank waited.
    private(set) var waited: Int64 = 0
    /// What the rank computed that computes longest before each point.
    private(set) var longestComputation: Int64 = 0
    private var inside: [Int64] = []  // [capacity]
    private var computed: [Int64] = []  // [points of a step]
    private var computedInSteps: [[Int64]] = []  // [kinds of steps, points of such a step]
    private var count = 0
    private var committed = 0
    private let stepsDiffer: Bool

    // A step of any model meets far less often than half of it.
    private static let capacity = 1 << 16

    /// - Parameter stepsDiffer: whether ranks compute more or less from token to token, as the owners of chosen experts
    ///   do. Then each step counts for itself.
    init(stepsDiffer: Bool) { self.stepsDiffer = stepsDiffer }

    /// Whether the points since the last ``settle(on:)`` are so many that it is time for the next.
    var isHalfFull: Bool { committed > Self.capacity / 2 }

    /// Forgets everything; takes its memory the first time.
    func clear() {
        (exchange, waited, longestComputation, count, committed) = (0, 0, 0, 0, 0)
        computed.removeAll(keepingCapacity: true)
        computedInSteps = []
        if inside.isEmpty { inside = Array(repeating: 0, count: Self.capacity) }
    }

    /// Adds a point.
    func append(inside time: Int64, computed work: Int64) {
        precondition(count < Self.capacity, "A step meets less often than there is room for.")
        inside[count] = time
        computed.append(work)
        count += 1
    }

    /// Makes the points since the last step those of a finished one.
    func commit() {
        if !stepsDiffer, let kind = computedInSteps.firstIndex(where: { $0.count == computed.count }) {
            for point in computed.indices { computedInSteps[kind][point] += computed[point] }
        } else {
            computedInSteps.append(computed)
        }
        computed.removeAll(keepingCapacity: true)
        committed = count
    }

    /// Compares the points of finished steps over all ranks, adds them up and makes room; to be called on every rank.
    func settle(on communicator: Communicator) throws(MPIError) {
        var least = Array(inside[..<committed])
        var longest = computedInSteps.flatMap(\.self)
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
        (count, committed, computedInSteps) = (0, 0, [])
        computed.removeAll(keepingCapacity: true)
    }
}
