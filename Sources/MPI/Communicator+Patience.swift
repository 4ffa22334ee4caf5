internal import CMPI
internal import Glibc

extension Communicator {
    /// Gives every rank the values of `root`; a rank that waits for long sleeps in between instead of keeping a core
    /// busy.
    ///
    /// For waits of unknown length, such as for the next order of an idle server. A waiting rank spins for a
    /// millisecond and then looks after ever longer sleeps, of one millisecond at most. `values` has the same length on
    /// every rank; all ranks call this function, none `broadcast`. Corresponds to `MPI_Ibcast` with `MPI_Test`.
    public func broadcastPatiently<T: Element>(
        _ values: inout MutableSpan<T>, from root: Int
    ) throws(MPIError) {
        let root = cRank(root)
        countTraffic(T.self, values.count)
        try unsafe values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) in
            try unsafe inPieces(of: buffer) { (start, count) throws(MPIError) in
                try collective("MPI_Ibcast") {
                    var request: MPI_Request?
                    let code = unsafe MPI_Ibcast(start, count, T.datatype, root, handle, &request)
                    guard code == MPI_SUCCESS else { return code }
                    return unsafe rank == Int(root) ? MPI_Wait(&request, nil) : waitPatiently(for: &request)
                }
            }
        }
    }

    /// Waits until every rank has come here, asleep for most of a long time.
    ///
    /// All ranks call this function, none `barrier`. Corresponds to `MPI_Ibarrier` with `MPI_Test`.
    public func barrierPatiently() throws(MPIError) {
        traffic.collectives += 1
        try collective("MPI_Ibarrier") {
            var request: MPI_Request?
            let code = unsafe MPI_Ibarrier(handle, &request)
            guard code == MPI_SUCCESS else { return code }
            return unsafe waitPatiently(for: &request)
        }
    }

    private func waitPatiently(for request: inout MPI_Request?) -> Int32 {
        let start = ContinuousClock.now
        var microseconds: UInt32 = 50
        while true {
            var isComplete: Int32 = 0
            let code = unsafe MPI_Test(&request, &isComplete, nil)
            guard code == MPI_SUCCESS, isComplete == 0 else { return code }
            if ContinuousClock.now - start > .milliseconds(1) {
                usleep(microseconds)
                microseconds = min(microseconds * 2, 1000)
            }
        }
    }
}
