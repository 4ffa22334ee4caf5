/// The lengths of the parts that a vector is shared out in, one per rank, in rank order; a part may be empty.
///
/// Make it once: the arrays that MPI reads are made here, so that a collective allocates nothing.
public struct Parts: Sendable, Equatable {
    /// The number of elements of each rank's part.
    public let counts: [Int]  // [ranks]

    /// Where each rank's part begins in the whole vector.
    public let offsets: [Int]  // [ranks]

    /// The number of elements of the whole vector.
    public let total: Int

    /// The same as C ints; empty if the whole is too long for MPI's 32-bit counts.
    let narrowCounts: [Int32]  // [ranks]
    let narrowOffsets: [Int32]  // [ranks]

    /// Lays parts of `counts` elements one behind the other.
    public init(counts: [Int]) {
        precondition(counts.allSatisfy { $0 >= 0 }, "a part has no negative length")
        var offsets: [Int] = []
        var total = 0
        for count in counts {
            offsets.append(total)
            total += count
        }
        self.counts = counts
        self.offsets = offsets
        self.total = total
        let fits = Int32(exactly: total) != nil
        narrowCounts = fits ? counts.map { Int32($0) } : []
        narrowOffsets = fits ? offsets.map { Int32($0) } : []
    }

    /// The range of the whole vector that is the part of `rank`.
    public func range(of rank: Int) -> Range<Int> {
        offsets[rank]..<(offsets[rank] + counts[rank])
    }

    func requireNarrow(_ function: String) throws(MPIError) {
        guard narrowCounts.count == counts.count else { throw .tooLong(function: function, count: total) }
    }
}
