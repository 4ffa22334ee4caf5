internal import CMPI

/// Messages between two ranks; they do not count as ``traffic``, which is that of collectives.
extension Communicator {
    /// Gives `values` to one other rank, which calls ``receive(_:from:)`` for as many.
    ///
    /// Returns when `values` may change again, perhaps only after the receiver has come. Corresponds to `MPI_Send`.
    public func send<T: Element>(_ values: Span<T>, to receiver: Int) throws(MPIError) {
        let receiver = cRank(receiver)
        try unsafe values.withUnsafeBufferPointer { (buffer) throws(MPIError) in
            // MPI only reads.
            let buffer = unsafe UnsafeMutableBufferPointer(mutating: buffer)
            try unsafe inPieces(of: buffer) { (start, count) throws(MPIError) in
                try message("MPI_Send") {
                    unsafe MPI_Send(start, count, T.datatype, receiver, Self.messageTag, handle)
                }
            }
        }
    }

    /// Takes the values that one other rank gives by ``send(_:to:)``, in the order in which it does.
    ///
    /// `values` is as long as what is sent; MPI refuses a longer message. Corresponds to `MPI_Recv`.
    public func receive<T: Element>(_ values: inout MutableSpan<T>, from sender: Int) throws(MPIError) {
        let sender = cRank(sender)
        try unsafe values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) in
            try unsafe inPieces(of: buffer) { (start, count) throws(MPIError) in
                try message("MPI_Recv") {
                    unsafe MPI_Recv(start, count, T.datatype, sender, Self.messageTag, handle, nil)
                }
            }
        }
    }

    private static var messageTag: Int32 { 0 }

    private func message(_ function: StaticString, _ call: () -> Int32) throws(MPIError) {
        try check(function, watchdog.inMessage(call))
    }
}
