public import Blueprint

/// What one rank can do, while all others do the same.
public struct RankProfile: Sendable, Hashable, Codable {
    /// The host's name, as it gives it itself.
    public var host: String
    /// Cores that the rank may use.
    public var cores: Int
    /// Threads that it uses.
    public var threads: Int
    /// The part of the time in which its threads had a core while all ranks computed: 1 where its threads do not
    /// take turns.
    public var coreShare: Double
    /// The ranks of the profile that must take turns with this one on cores; absent where none do.
    public var coreMates: [Int]?
    /// The instructions that its kernels use.
    public var instructionSet: String
    /// Bytes that it may take, its part of what the host's control groups, limits and other processes leave.
    public var memoryByteCount: Int
    /// Bytes per second that its threads read from memory.
    public var readBandwidth: Double
    /// The spread of ``readBandwidth``.
    public var readSpread: Double
    /// What its threads compute at best, for each kind of factors that the processor has instructions for.
    public var peaks: [PeakProfile]
    /// How fast its kernels multiply, for each encoding and arithmetic.
    public var products: [ProductProfile]
    /// How fast its kernels read the cache, for each way of storing it.
    public var attention: [AttentionProfile]
    /// Seconds for each element that a norm, a rotation, an activation, a sum of a branch, or storing keys and values
    /// writes; of many tokens.
    public var secondsPerElement: Double
    /// Seconds that a layer of one token takes beside its products, cached positions, elements and exchange.
    public var secondsPerLayer: Double
    /// The coefficient of variation of what its threads take between two meetings with the other ranks, of a short
    /// stage that reads memory, and counted for all: the standard deviation as a part of the mean. Absent where it was
    /// not measured: alone, or taking turns on cores; nobody waits for it by chance then.
    public var stageVariation: Double?

    /// The most that ``stageVariation`` may be: more is not a variation but another kind of trouble.
    package static let greatestStageVariation = 0.7

    /// A profile of these measurements.
    public init(
        host: String, cores: Int, threads: Int, coreShare: Double = 1, coreMates: [Int]? = nil, instructionSet: String,
        memoryByteCount: Int, readBandwidth: Double, readSpread: Double = 0, peaks: [PeakProfile] = [],
        products: [ProductProfile], attention: [AttentionProfile], secondsPerElement: Double, secondsPerLayer: Double,
        stageVariation: Double? = nil
    ) {
        self.host = host
        self.cores = cores
        self.threads = threads
        self.coreShare = coreShare
        self.coreMates = coreMates
        self.instructionSet = instructionSet
        self.memoryByteCount = memoryByteCount
        self.readBandwidth = readBandwidth
        self.readSpread = readSpread
        self.peaks = peaks
        self.products = products
        self.attention = attention
        self.secondsPerElement = secondsPerElement
        self.secondsPerLayer = secondsPerLayer
        self.stageVariation = stageVariation
    }
}

/// How fast a rank computes at best, in registers.
public struct PeakProfile: Sendable, Hashable, Codable {
    /// What is multiplied: `f32`, `bf16` or `int8`.
    public var factors: String
    /// Multiplications and additions per second.
    public var operationsPerSecond: Double
    /// The spread of ``operationsPerSecond``.
    public var spread: Double

    /// A profile of these measurements.
    public init(factors: String, operationsPerSecond: Double, spread: Double) {
        self.factors = factors
        self.operationsPerSecond = operationsPerSecond
        self.spread = spread
    }
}

/// How fast a rank's kernels multiply with weights of one encoding.
///
/// Products of many tokens take the sum of what their operations, weights, results and inputs take: a small slice of a
/// layer has more of the others beside its operations.
public struct ProductProfile: Sendable, Hashable, Codable {
    /// The encoding's name: `f32`, `bf16`, `f16`, `q8g32`, `q4g32`.
    public var encoding: String
    /// How much products round.
    public var math: Math
    /// Bytes of weights per second in products of one token, from memory.
    public var tokenBytesPerSecond: Double
    /// Seconds that a call of one to three products of one token takes beside reading their weights.
    public var tokenSeconds: Double
    /// The largest spread of the measurements of one token, each beside what memory gave at that moment.
    public var tokenSpread: Double
    /// Multiplications and additions per second in products of many tokens.
    public var chunkOperationsPerSecond: Double
    /// Seconds for each byte of weights beside that, whatever the number of tokens.
    public var chunkSecondsPerByte: Double
    /// Seconds for each result, one for each token and row.
    public var chunkSecondsPerResult: Double
    /// Seconds for each input of a call of one to three products, one for each token and column.
    public var chunkSecondsPerInput: Double
    /// The largest spread of the measurements of many tokens.
    public var chunkSpread: Double

    /// A profile of these measurements.
    public init(
        encoding: String, math: Math, tokenBytesPerSecond: Double, tokenSeconds: Double, tokenSpread: Double = 0,
        chunkOperationsPerSecond: Double, chunkSecondsPerByte: Double = 0, chunkSecondsPerResult: Double = 0,
        chunkSecondsPerInput: Double = 0, chunkSpread: Double = 0
    ) {
        self.encoding = encoding
        self.math = math
        self.tokenBytesPerSecond = tokenBytesPerSecond
        self.tokenSeconds = tokenSeconds
        self.tokenSpread = tokenSpread
        self.chunkOperationsPerSecond = chunkOperationsPerSecond
        self.chunkSecondsPerByte = chunkSecondsPerByte
        self.chunkSecondsPerResult = chunkSecondsPerResult
        self.chunkSecondsPerInput = chunkSecondsPerInput
        self.chunkSpread = chunkSpread
    }
}

/// How fast a rank's kernels compute attention over cached positions.
public struct AttentionProfile: Sendable, Hashable, Codable {
    /// How the cache stores keys and values.
    public var cache: CacheEncoding
    /// Bytes of cache per second for one token, from memory.
    public var tokenBytesPerSecond: Double
    /// The spread of ``tokenBytesPerSecond``.
    public var tokenSpread: Double
    /// Multiplications and additions per second for a chunk of 256 tokens.
    public var chunkOperationsPerSecond: Double
    /// The spread of ``chunkOperationsPerSecond``.
    public var chunkSpread: Double

    /// A profile of these measurements.
    public init(
        cache: CacheEncoding, tokenBytesPerSecond: Double, tokenSpread: Double = 0, chunkOperationsPerSecond: Double,
        chunkSpread: Double = 0
    ) {
        self.cache = cache
        self.tokenBytesPerSecond = tokenBytesPerSecond
        self.tokenSpread = tokenSpread
        self.chunkOperationsPerSecond = chunkOperationsPerSecond
        self.chunkSpread = chunkSpread
    }
}
