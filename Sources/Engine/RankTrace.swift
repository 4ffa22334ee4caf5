/// One rank's events, and how its clock relates to rank 0's.
public struct RankTrace: Sendable {
    /// The rank's number.
    public var rank: Int
    /// Its host.
    public var host: String
    /// Its latest events, in the order of their ends.
    public var events: [TraceEvent]
    /// Earlier events that had to make room.
    public var droppedCount: Int
    /// Its clock before the first event and after the last, and how far it was ahead of rank 0's, in nanoseconds.
    var offsets: (before: (time: Int64, ahead: Int64), after: (time: Int64, ahead: Int64))

    /// A moment of this rank's clock by that of rank 0, which is taken to drift evenly.
    public func common(_ time: Int64) -> Int64 {
        let (before, after) = offsets
        let part = Double(time - before.time) / Double(max(1, after.time - before.time))
        return time - before.ahead - Int64(part * Double(after.ahead - before.ahead))
    }
}
