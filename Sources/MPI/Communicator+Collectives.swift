internal import CMPI

extension Communicator {
    /// Gives every rank the values of `root`.
    ///
    /// `values` has the same length on every rank. Corresponds to `MPI_Bcast`.
    public func broadcast<T: Element>(_ values: inout MutableSpan<T>, from root: Int) throws(MPIError) {
        let root = cRank(root)
        countTraffic(T.self, values.count)
        try unsafe values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) in
            try unsafe inPieces(of: buffer) { (start, count) throws(MPIError) in
                try collective("MPI_Bcast") { unsafe MPI_Bcast(start, count, T.datatype, root, handle) }
            }
        }
    }

    /// Replaces each element by the sum, maximum or minimum of all ranks' elements at that place.
    ///
    /// `values` has the same length on every rank, and holds the same bits on every rank afterwards. Corresponds to
    /// `MPI_Allreduce` with `MPI_IN_PLACE`; ranks of one host add short vectors of floats, two ranks also long ones, up
    /// in memory that they share.
    public func allReduce<T: Element>(
        _ values: inout MutableSpan<T>, _ operation: Reduction
    ) throws(MPIError) {
        countTraffic(T.self, values.count)
        try unsafe values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) in
            let isShared = operation == .sum && T.elementKind == .float && canShare(count: buffer.count)
            try unsafe inPieces(of: buffer) { (start, count) throws(MPIError) in
                try collective("MPI_Allreduce") {
                    if isShared, let start = UnsafeMutableRawPointer(start), let sharedBoard {
                        return unsafe sharedBoard.sum(start.assumingMemoryBound(to: Float.self), count: Int(count))
                    }
                    return unsafe MPI_Allreduce(
                        cmpi_in_place(), start, count, T.datatype, operation.operation, handle)
                }
            }
        }
    }

    /// Gives every rank the parts of all ranks, laid out as `parts` says.
    ///
    /// `part` has this rank's length in `parts`, `whole` has `parts.total` elements. Throws if that does not fit in 32
    /// bits. Corresponds to `MPI_Allgatherv`.
    public func allGather<T: Element>(
        _ part: Span<T>, into whole: inout MutableSpan<T>, parts: Parts
    ) throws(MPIError) {
        precondition(part.count == parts.counts[rank], "this rank's part has the length that the parts say")
        try unsafe part.withUnsafeBufferPointer { (part) throws(MPIError) in
            try unsafe allGather(from: part.baseAddress, count: Int32(clamping: part.count), &whole, parts)
        }
    }

    /// Gives every rank the parts of all ranks; this rank's part already stands at its place in `whole`.
    ///
    /// `whole` has `parts.total` elements. Throws if that does not fit in 32 bits. Corresponds to `MPI_Allgatherv` with
    /// `MPI_IN_PLACE`.
    public func allGather<T: Element>(
        inPlace whole: inout MutableSpan<T>, parts: Parts
    ) throws(MPIError) {
        try unsafe allGather(from: cmpi_in_place(), count: 0, &whole, parts)
    }

    private func allGather<T: Element>(
        from source: UnsafeRawPointer?, count: Int32, _ whole: inout MutableSpan<T>, _ parts: Parts
    ) throws(MPIError) {
        try parts.requireNarrow("MPI_Allgatherv")
        requireFit(parts, whole: whole.count)
        countTraffic(T.self, parts.total)
        try unsafe whole.withUnsafeMutableBufferPointer { (whole) throws(MPIError) in
            try collective("MPI_Allgatherv") {
                unsafe MPI_Allgatherv(
                    source, count, T.datatype, whole.baseAddress, parts.narrowCounts, parts.narrowOffsets,
                    T.datatype, handle)
            }
        }
    }

    /// Gives every rank the parts of all ranks, which are equally long, in rank order.
    ///
    /// `whole` has `size` times as many elements as `part`. Corresponds to `MPI_Allgather`.
    public func allGatherEqual<T: Element>(
        _ part: Span<T>, into whole: inout MutableSpan<T>
    ) throws(MPIError) {
        precondition(whole.count == part.count * size, "the whole has room for one part per rank")
        let count = try cCount("MPI_Allgather", part.count)
        countTraffic(T.self, whole.count)
        try unsafe collective("MPI_Allgather", from: part, into: &whole) { part, whole in
            unsafe MPI_Allgather(part, count, T.datatype, whole, count, T.datatype, handle)
        }
    }

    /// Gives every rank the part that each rank has for it; parts are equally long.
    ///
    /// `values` holds this rank's parts in the order of their receivers, `received` those that it gets in the order of
    /// their senders. Corresponds to `MPI_Alltoall`.
    public func exchangeEqual<T: Element>(
        _ values: Span<T>, into received: inout MutableSpan<T>
    ) throws(MPIError) {
        precondition(values.count.isMultiple(of: size), "there is one part of equal length for each rank")
        precondition(received.count == values.count, "a rank gets as much as it gives")
        let count = try cCount("MPI_Alltoall", values.count / size)
        countTraffic(T.self, values.count)
        try unsafe collective("MPI_Alltoall", from: values, into: &received) { values, received in
            unsafe MPI_Alltoall(values, count, T.datatype, received, count, T.datatype, handle)
        }
    }

    /// Gives `root` the parts of all ranks, which are equally long, in rank order.
    ///
    /// On `root`, `whole` has `size` times as many elements as `part`; elsewhere it is not touched and may be empty.
    /// Corresponds to `MPI_Gather`.
    public func gather<T: Element>(
        _ part: Span<T>, into whole: inout MutableSpan<T>, root: Int
    ) throws(MPIError) {
        precondition(rank != root || whole.count == part.count * size, "the whole has room for one part per rank")
        let count = try cCount("MPI_Gather", part.count)
        let root = cRank(root)
        countTraffic(T.self, part.count * size)
        try unsafe collective("MPI_Gather", from: part, into: &whole) { part, whole in
            unsafe MPI_Gather(part, count, T.datatype, whole, count, T.datatype, root, handle)
        }
    }

    /// Gives `root` the parts of all ranks, laid out as `parts` says.
    ///
    /// `part` has this rank's length in `parts`. On `root`, `whole` has `parts.total` elements; elsewhere it is not
    /// touched and may be empty. Throws on every rank if the total does not fit in 32 bits. Corresponds to
    /// `MPI_Gatherv`.
    public func gather<T: Element>(
        _ part: Span<T>, into whole: inout MutableSpan<T>, parts: Parts, root: Int
    ) throws(MPIError) {
        try parts.requireNarrow("MPI_Gatherv")
        requireFit(parts, whole: rank == root ? whole.count : parts.total)
        precondition(part.count == parts.counts[rank], "this rank's part has the length that the parts say")
        let count = Int32(clamping: part.count)
        let root = cRank(root)
        countTraffic(T.self, parts.total)
        try unsafe collective("MPI_Gatherv", from: part, into: &whole) { part, whole in
            unsafe MPI_Gatherv(
                part, count, T.datatype, whole, parts.narrowCounts, parts.narrowOffsets, T.datatype, root, handle)
        }
    }

    /// Puts all ranks' vectors together element by element and gives each rank its own part of the result.
    ///
    /// `values` has `parts.total` elements, `part` this rank's length in `parts`. Throws if the total does not fit in
    /// 32 bits. Corresponds to `MPI_Reduce_scatter`.
    public func reduceScatter<T: Element>(
        _ values: Span<T>, into part: inout MutableSpan<T>, parts: Parts, _ operation: Reduction
    ) throws(MPIError) {
        try parts.requireNarrow("MPI_Reduce_scatter")
        requireFit(parts, whole: values.count)
        precondition(part.count == parts.counts[rank], "this rank's part has the length that the parts say")
        countTraffic(T.self, parts.total)
        try unsafe collective("MPI_Reduce_scatter", from: values, into: &part) { values, part in
            unsafe MPI_Reduce_scatter(values, part, parts.narrowCounts, T.datatype, operation.operation, handle)
        }
    }

    /// Waits until every rank has come here.
    ///
    /// Corresponds to `MPI_Barrier`.
    public func barrier() throws(MPIError) {
        traffic.collectives += 1
        try collective("MPI_Barrier") { unsafe MPI_Barrier(handle) }
    }
}

extension Communicator {
    /// Whether vectors of so many floats are short enough for ``sharedBoard``.
    private func canShare(count: Int) -> Bool {
        count > 0 && count <= min(largestPiece, longestSharedSum)
    }

    /// Makes one call of the MPI library that waits for other ranks, in view of the watchdog and of the observer.
    func collective(_ function: StaticString, _ call: () -> Int32) throws(MPIError) {
        observer?.collectiveBegins(function)
        watchdog.arrive()
        let code = call()
        watchdog.leave()
        observer?.collectiveEnds(function)
        try check(function, code)
    }

    /// Makes one such call that reads some values and fills others.
    private func collective<T: Element>(
        _ function: StaticString, from values: Span<T>, into filled: inout MutableSpan<T>,
        _ call: (UnsafePointer<T>?, UnsafeMutablePointer<T>?) -> Int32
    ) throws(MPIError) {
        try unsafe values.withUnsafeBufferPointer { (values) throws(MPIError) in
            try unsafe filled.withUnsafeMutableBufferPointer { (filled) throws(MPIError) in
                try collective(function) { unsafe call(values.baseAddress, filled.baseAddress) }
            }
        }
    }

    func countTraffic<T: Element>(_ type: T.Type, _ count: Int) {
        traffic.collectives += 1
        traffic.byteCount += count * MemoryLayout<T>.stride
    }

    func cRank(_ rank: Int) -> Int32 {
        precondition(rank >= 0 && rank < size, "the root is a rank of this communicator")
        return Int32(truncatingIfNeeded: rank)
    }

    /// Calls `body` for successive runs of the buffer that are short enough for a C int; once if it is empty.
    func inPieces<T>(
        of buffer: UnsafeMutableBufferPointer<T>,
        _ body: (UnsafeMutablePointer<T>?, Int32) throws(MPIError) -> Void
    ) throws(MPIError) {
        var start = 0
        repeat {
            let count = min(buffer.count - start, largestPiece)
            try unsafe body(buffer.baseAddress.map { unsafe $0 + start }, Int32(clamping: count))
            start += count
        } while start < buffer.count
    }

    private func cCount(_ function: String, _ count: Int) throws(MPIError) -> Int32 {
        guard let narrow = Int32(exactly: count * size) else {
            throw .tooLong(function: function, count: count * size)
        }
        return narrow / Int32(clamping: size)
    }

    private func requireFit(_ parts: Parts, whole: Int) {
        precondition(parts.counts.count == size, "there is one part per rank")
        precondition(whole == parts.total, "the whole is as long as all parts together")
    }
}
