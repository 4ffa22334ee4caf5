public import Blueprint

/// What a user decides about a plan.
public struct Policy: Sendable, Hashable {
    /// The part of the work of each rank, finite numbers above zero; only ratios count.
    public var shares: [Double]
    /// How ranks put their parts together.
    public var way: Way
    /// Whether ranges are padded to the longest.
    public var cutting: Cutting
    /// How the vectors of sums travel.
    public var wire: Wire
    /// Positions that the cache has room for.
    public var context: Int
    /// How the cache stores keys and values.
    public var cache: CacheEncoding
    /// Tokens of a prompt that are computed at a time; a plan lowers it to the context.
    public var chunk: Int
    /// How much products may round; a plan makes it precise in way gather.
    public var math: Math
    /// How experts are shared out; nil for inside, or where the channels of one are too few for the
    /// shares whole or mixed, as is faster.
    public var experts: ExpertCut?
    /// Units of each rank, for axes that are not dealt by shares; of key-value heads they follow from the query heads.
    ///
    /// A rank may have none of any axis.
    public var counts: [Axis: [Int]] = [:]
    /// Bytes of memory that each rank may use; nil where that is unknown.
    public var memoryByteCounts: [Int]?
    /// What ranks may use together, each part at the most once; none where that is unknown.
    public var sharedMemory: [SharedMemory]
    /// Whether weights are drawn at random and not read; what is advised depends on it.
    public var drawsWeights: Bool

    /// A policy for as many ranks as there are shares.
    public init(
        shares: [Double], way: Way = .sum, cutting: Cutting = .uneven, wire: Wire = .f32, context: Int,
        cache: CacheEncoding = .f32, chunk: Int = 256, math: Math = .precise, experts: ExpertCut? = nil,
        memoryByteCounts: [Int]? = nil, sharedMemory: [SharedMemory] = [], drawsWeights: Bool = false
    ) {
        self.shares = shares
        self.way = way
        self.cutting = cutting
        self.wire = wire
        self.context = context
        self.cache = cache
        self.chunk = chunk
        self.math = math
        self.experts = experts
        self.memoryByteCounts = memoryByteCounts
        self.sharedMemory = sharedMemory
        self.drawsWeights = drawsWeights
    }

    /// Refuses shares that are not finite numbers above zero.
    static func check(_ shares: [Double]) throws(PartitionError) {
        guard !shares.isEmpty else { throw .noRanks }
        for (rank, share) in shares.enumerated() where !(share.isFinite && share > 0) {
            throw .shareNotPositive(rank: rank, found: share)
        }
    }
}
