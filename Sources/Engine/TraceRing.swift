public import Partition

/// A stretch of time in which a rank did one thing.
public struct TraceEvent: Sendable {
    /// What it did.
    public enum Kind: Sendable {
        /// A forward of so many tokens and the choice after it.
        case step(tokens: Int)
        /// A mixer or the head.
        case phase(Phase)
        /// A call such as `MPI_Allreduce`.
        case collective(StaticString)
    }

    /// What it did.
    public var kind: Kind
    /// The layer, from 0; nil outside of layers.
    public var layer: Int?
    /// The clock's nanoseconds at its begin.
    public var start: Int64
    /// The clock's nanoseconds at its end.
    public var end: Int64
}

/// The latest events of a rank, in memory that is taken once.
final class TraceRing {
    private var events: [TraceEvent]  // [capacity]
    private var total = 0

    init(capacity: Int = 1 << 16) {
        let nothing = TraceEvent(kind: .phase(.rest), layer: nil, start: 0, end: 0)
        events = Array(repeating: nothing, count: capacity)
    }

    /// Events that newer ones have replaced.
    var droppedCount: Int { max(0, total - events.count) }

    /// The events that are left, in the order of their ends.
    var inOrder: [TraceEvent] {
        let first = total % events.count
        return total <= events.count ? Array(events[..<total]) : Array(events[first...] + events[..<first])
    }

    func append(_ event: TraceEvent) {
        events[total % events.count] = event
        total += 1
    }
}
