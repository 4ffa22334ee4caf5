import Synchronization

/// Whose rows a thread loads next: its own of every matrix, from the first on, and then those that others have not
/// begun, from the last matrix back.
///
/// Cores of one machine are not given the same rates; without the help, all would wait for the slowest. Rows that a
/// helper loads lie near the helper, for which their owner pays in every product where sockets have memory of their
/// own.
package final class LoadingTurns: Sendable {
    // Matrices of which each thread's rows have not been begun.
    private let remaining: Mutex<[Range<Int>]>

    /// - Parameters:
    ///   - matrices: those to load; the last ones are best the smallest.
    ///   - threads: every matrix has some rows for each.
    package init(matrices: Int, threads: Int) {
        remaining = Mutex(Array(repeating: 0..<matrices, count: threads))
    }

    /// A matrix and the thread whose rows of it `thread` is to load next; nil when all have been begun.
    package func next(of thread: Int) -> (matrix: Int, owner: Int)? {
        remaining.withLock { remaining in
            if let first = remaining[thread].popFirst() { return (first, thread) }
            guard let owner = remaining.indices.max(by: { remaining[$0].count < remaining[$1].count }) else {
                return nil
            }
            return remaining[owner].popLast().map { ($0, owner) }
        }
    }
}
