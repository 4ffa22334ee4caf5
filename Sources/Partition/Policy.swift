/// What a user decides about a plan.
public struct Policy: Sendable, Hashable {
    /// The part of the work of each rank, finite numbers above zero; only ratios count.
    public var shares: [Double]
    /// How ranks put their parts together.
    public var way: Way
    /// Whether ranges are padded to the longest.
    public var cutting: Cutting
    /// Positions that the cache has room for.
    public var context: Int
    /// Tokens of a prompt that are computed at a time; a plan lowers it to the context.
    public var chunk: Int
    /// Bytes of memory that each rank may use; nil where that is unknown.
    public var memoryByteCounts: [Int]?

    /// A policy for as many ranks as there are shares.
    public init(
        shares: [Double], way: Way = .sum, cutting: Cutting = .uneven, context: Int, chunk: Int = 256,
        memoryByteCounts: [Int]? = nil
    ) {
        self.shares = shares
        self.way = way
        self.cutting = cutting
        self.context = context
        self.chunk = chunk
        self.memoryByteCounts = memoryByteCounts
    }

    /// The shares written as `5:3:2`.
    ///
    /// - Throws: ``PartitionError`` where they are not one number above zero per rank.
    public static func shares(_ text: String, rankCount: Int) throws(PartitionError) -> [Double] {
        var shares: [Double] = []
        for (rank, part) in text.split(separator: ":", omittingEmptySubsequences: false).enumerated() {
            guard let share = Double(part) else { throw .shareNotANumber(rank: rank, found: String(part)) }
            shares.append(share)
        }
        guard shares.count == rankCount else {
            throw .shareCount(expected: rankCount, found: shares.count, shares: text)
        }
        try check(shares)
        return shares
    }

    /// Refuses shares that are not finite numbers above zero.
    static func check(_ shares: [Double]) throws(PartitionError) {
        guard !shares.isEmpty else { throw .noRanks }
        for (rank, share) in shares.enumerated() where !(share.isFinite && share > 0) {
            throw .shareNotPositive(rank: rank, found: share)
        }
    }
}
