import Synchronization

/// Who loads what: each thread its own rows of every matrix, from the first on, and then what others have not begun,
/// from the last one back.
///
/// Cores of one machine are not given the same rates; without the help, all would wait for the slowest.
package final class LoadingShares: Sendable {
    private let loaders: Int
    private let threads: Int
    // Loaders that each thread and its helpers have not taken.
    private let left: Mutex<[Range<Int>]>

    /// - Parameters:
    ///   - loaders: matrices to load.
    ///   - threads: every matrix has some rows for each.
    package init(loaders: Int, threads: Int) {
        (self.loaders, self.threads) = (loaders, threads)
        left = Mutex(Array(repeating: 0..<loaders, count: threads))
    }

    /// A matrix and the thread whose rows of it a thread is to load next; nil when all are taken.
    package func next(of thread: Int) -> (loader: Int, thread: Int)? {
        left.withLock { left in
            if let first = left[thread].popFirst() { return (first, thread) }
            guard let other = left.indices.max(by: { left[$0].count < left[$1].count }) else { return nil }
            return left[other].popLast().map { ($0, other) }
        }
    }
}
