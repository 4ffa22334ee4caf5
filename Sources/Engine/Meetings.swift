import MPI

/// Every point where the ranks met in the measured steps: how long this rank was in the collective, and what it had
/// computed since the point before.
///
/// All ranks meet at the same points, so the ranks' lists match. Of a collective the least time that any rank was in it
/// is the exchange; what a rank was in it beyond that, it waited. The end of a step counts as a point without a
/// collective. Times are nanoseconds.
final class Meetings {
    /// What the collectives took when nobody waited: the same on all ranks.
    private(set) var exchange: Int64 = 0
    /// What this rank waited.
    private(set) var waited: Int64 = 0
    /// The sum of what the busiest rank computed before each point.
    private(set) var longestComputation: Int64 = 0
    private var inside: [Int64] = []  // [capacity]
    private var computed: [Int64] = []  // [capacity]
    private var count = 0
    private var committed = 0

    // A step of any model meets far less often than half of it.
    private static let capacity = 1 << 16

    /// Whether the points since the last ``settle(on:)`` are so many that it is time for the next.
    var isHalfFull: Bool { committed > Self.capacity / 2 }

    /// Forgets everything; takes its memory the first time.
    func clear() {
        (exchange, waited, longestComputation, count, committed) = (0, 0, 0, 0, 0)
        guard inside.isEmpty else { return }
        inside = Array(repeating: 0, count: Self.capacity)
        computed = inside
    }

    /// Adds a point.
    func append(inside time: Int64, computed work: Int64) {
        precondition(count < Self.capacity, "A step meets less often than there is room for.")
        inside[count] = time
        computed[count] = work
        count += 1
    }

    /// Makes the points so far those of finished steps.
    func commit() { committed = count }

    /// Compares the points of finished steps over all ranks, adds them up and makes room; to be called on every rank.
    func settle(on communicator: Communicator) throws(MPIError) {
        var least = Array(inside[..<committed])
        var longest = Array(computed[..<committed])
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
        (count, committed) = (0, 0)
    }
}
