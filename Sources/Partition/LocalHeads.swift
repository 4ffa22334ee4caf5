/// The heads of an attention, or with states, that a rank computes, and those that they read: key-value heads, or the
/// covered heads of a recurrent mixer.
public struct LocalHeads: Sendable, Hashable {
    /// Its heads, by their numbers in the complete model.
    public var heads: Range<Int>
    /// The covered heads that those read, by their numbers in the complete model.
    public var covered: Range<Int>
    /// Heads in memory, padding included.
    public var heldHeads: Int
    /// Covered heads in memory, padding included.
    public var heldCovered: Int
    /// For each held head, which of the held covered heads it reads.
    public var coveredHead: [Int]

    /// The heads of a rank with these ranges.
    ///
    /// - Parameter groupSize: heads that read one covered head.
    init(heads: Range<Int>, covered: Range<Int>, heldHeads: Int, heldCovered: Int, groupSize: Int) {
        self.heads = heads
        self.covered = covered
        self.heldHeads = heldHeads
        self.heldCovered = heldCovered
        // From the global number: a rank's range may begin inside a group. Padding reads whatever is there.
        coveredHead = (0..<heldHeads).map { local in
            let global = heads.lowerBound + local
            return max(0, min(global / groupSize - covered.lowerBound, heldCovered - 1))
        }
    }
}
