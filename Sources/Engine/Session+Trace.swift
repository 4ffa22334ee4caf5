public import MPI
import Partition

/// Writing down what every rank does in measured steps.
extension Session {
    /// Begins a trace, if rank 0 wants one; to be called on every rank.
    public func beginTrace(isWanted: Bool) throws(MPIError) {
        var wanted: [Int32] = [isWanted ? 1 : 0]
        var span = wanted.mutableSpan
        try communicator.broadcast(&span, from: 0)
        guard wanted[0] == 1 else { return }
        bench.clock.trace = TraceRing()
        traceStart = try clockOffset()
    }

    /// Ends a trace and brings its parts together; to be called on every rank.
    ///
    /// - Parameter text: writes a rank's events down, on that rank.
    /// - Returns: what `text` returned on each rank, in rank order, on rank 0; nil on the others and without a trace.
    public func endTrace(_ text: (RankTrace) -> String) throws(MPIError) -> [String]? {
        guard let ring = bench.clock.trace, let traceStart else { return nil }
        bench.clock.trace = nil
        let trace = RankTrace(
            rank: communicator.rank, host: communicator.host, events: ring.inOrder, droppedCount: ring.droppedCount,
            offsets: (traceStart, try clockOffset()))
        let own = Array(text(trace).utf8)
        var counts = [Int64](repeating: 0, count: rankCount)
        var countSpan = counts.mutableSpan
        try communicator.allGatherEqual([Int64(own.count)].span, into: &countSpan)
        let parts = Parts(counts: counts.map { Int($0) })
        var whole = [UInt8](repeating: 0, count: isLead ? parts.total : 0)
        var span = whole.mutableSpan
        try communicator.gather(own.span, into: &span, parts: parts, root: 0)
        guard isLead else { return nil }
        return (0..<rankCount).map { String(decoding: whole[parts.range(of: $0)], as: UTF8.self) }
    }

    private func clockOffset() throws(MPIError) -> (time: Int64, ahead: Int64) {
        let ahead = try communicator.clockOffset(now: Nanoseconds.now)
        return (Nanoseconds.now(), ahead)
    }
}
