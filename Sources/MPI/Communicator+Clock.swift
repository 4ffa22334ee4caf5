internal import CMPI

extension Communicator {
    /// How far this rank's clock is ahead of rank 0's, in the clock's units; to be called on every rank.
    ///
    /// Rank 0 sends each rank some messages one after another, which the rank answers with its time. The quickest
    /// answer counts; the time in it is taken for the middle of the way there and back. What is less than half of that
    /// way is taken for nothing: ranks of one host have one clock. Corresponds to `MPI_Send` and `MPI_Recv`.
    public func clockOffset(rounds: Int = 32, now: () -> Int64) throws(MPIError) -> Int64 {
        watchdog.arrive()
        defer { watchdog.leave() }
        guard rank == 0 else {
            for _ in 0..<rounds {
                _ = try receiveTime(from: 0)
                try sendTime(now(), to: 0)
            }
            return try receiveTime(from: 0)
        }
        for other in 1..<max(1, size) {
            var best = (way: Int64.max, offset: Int64(0))
            for _ in 0..<rounds {
                let start = now()
                try sendTime(start, to: other)
                let answer = try receiveTime(from: other)
                let way = now() - start
                if way < best.way { best = (way, answer - start - way / 2) }
            }
            try sendTime(best.offset.magnitude <= best.way / 2 ? 0 : best.offset, to: other)
        }
        return 0
    }

    private func sendTime(_ time: Int64, to other: Int) throws(MPIError) {
        var time = time
        try check("MPI_Send", unsafe MPI_Send(&time, 1, Int64.datatype, cRank(other), 0, handle))
    }

    private func receiveTime(from other: Int) throws(MPIError) -> Int64 {
        var time: Int64 = 0
        try check("MPI_Recv", unsafe MPI_Recv(&time, 1, Int64.datatype, cRank(other), 0, handle, nil))
        return time
    }
}
