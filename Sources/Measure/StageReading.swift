import Compute

/// Reads some megabytes after the other, by each thread more than a core's own cache holds, of memory that few last
/// caches hold: what a model does between two collectives.
final class StageReading {
    private let operations: Operations
    private let arena: Arena
    private let byteCount: Int
    private var next = 0

    private static let byteCountOfThread = 3 << 20

    /// - Parameter byteCount: bytes of the memory; it is read from the start again when all is read.
    ///
    /// Throws `ComputeError.noMemory` when the memory is not there.
    init(_ operations: Operations, byteCount: Int) throws(ComputeError) {
        self.operations = operations
        arena = try operations.writtenArena(byteCount: byteCount)
        self.byteCount = min(operations.pool.threads * Self.byteCountOfThread, arena.usedByteCount)
    }

    /// A stage's reading, by all threads.
    func read() {
        if next + byteCount > arena.usedByteCount { next = 0 }
        operations.read(arena, next..<next + byteCount)
        next += byteCount
    }
}
