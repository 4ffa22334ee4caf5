public import Blueprint
public import Compute
public import Partition

/// How a job wants its model run.
public struct Request: Sendable {
    /// The path of the weights file; nil for the embedded model.
    public var modelPath: String?
    /// The part of the work of each rank; nil for equal parts.
    public var shares: Shares?
    /// What is known of the ranks' machines, on rank 0: without shares the work is shared out by it.
    public var profile: ClusterProfile?
    /// How ranks put their parts together.
    public var way: Way
    /// Whether ranges are padded to the longest.
    public var cutting: Cutting
    /// How the vectors of sums travel between ranks.
    public var wire: Wire
    /// Tokens that the cache holds; nil for the model's own longest context, at most ``defaultContext``.
    public var context: Int?
    /// How the cache stores keys and values.
    public var cache: CacheEncoding
    /// The most tokens of a prompt in one forward pass.
    public var chunk: Int
    /// How much products may round; precise in way gather.
    public var math: Math
    /// How experts are shared out; nil for what the plan finds best.
    public var experts: ExpertCut?
    /// Threads of this rank; nil for its fair part of the host's cores.
    public var threads: Int?
    /// Makes this rank look slow, for studies and tests; nil for its own speed.
    public var slowdown: Slowdown?

    /// The context where none is asked for and the model has a longer one.
    public static let defaultContext = 4096

    /// The embedded model, split evenly and summed, unless said otherwise.
    public init(
        modelPath: String? = nil, shares: Shares? = nil, profile: ClusterProfile? = nil, way: Way = .sum,
        cutting: Cutting = .uneven, wire: Wire = .f32, context: Int? = nil, cache: CacheEncoding = .f32,
        chunk: Int = 256, math: Math = .precise, experts: ExpertCut? = nil, threads: Int? = nil,
        slowdown: Slowdown? = nil
    ) {
        self.modelPath = modelPath
        self.shares = shares
        self.profile = profile
        self.way = way
        self.cutting = cutting
        self.wire = wire
        self.context = context
        self.cache = cache
        self.chunk = chunk
        self.math = math
        self.experts = experts
        self.threads = threads
        self.slowdown = slowdown
    }
}
