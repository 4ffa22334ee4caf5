public import Blueprint

/// What `lockstep probe` has measured of a job's ranks and of what connects them.
///
/// It is written as JSON that a person can read and edit; the names of the keys are those of the properties and stay as
/// they are. Ranks were measured all at once, each with the threads that it will use.
public struct ClusterProfile: Sendable, Hashable, Codable {
    /// The version of this form.
    public static let formatVersion = 1

    /// ``formatVersion`` of the program that wrote it.
    public var formatVersion: Int
    /// The version of the program that measured.
    public var programVersion: String
    /// When it was measured, ISO 8601 in UTC.
    public var measured: String
    /// In rank order.
    public var ranks: [RankProfile]
    /// Each pair of ranks, the lower first.
    public var links: [LinkProfile]
    /// Collectives of the first 2, 3, ... ranks and of all.
    public var collectives: [CollectiveProfile]

    /// A profile of these measurements.
    public init(
        formatVersion: Int = ClusterProfile.formatVersion, programVersion: String, measured: String,
        ranks: [RankProfile], links: [LinkProfile], collectives: [CollectiveProfile]
    ) {
        self.formatVersion = formatVersion
        self.programVersion = programVersion
        self.measured = measured
        self.ranks = ranks
        self.links = links
        self.collectives = collectives
    }
}

/// What one rank can do, while all others do the same.
public struct RankProfile: Sendable, Hashable, Codable {
    /// The host's name, as it gives it itself.
    public var host: String
    /// Cores that the rank may use.
    public var cores: Int
    /// Threads that it uses.
    public var threads: Int
    /// The instructions that its kernels use.
    public var instructionSet: String
    /// Bytes that it may take, its part of what the host's control groups, limits and other processes leave.
    public var memoryByteCount: Int
    /// Bytes per second that its threads read from memory.
    public var readBandwidth: Double
    /// How fast its kernels multiply, for each encoding and arithmetic.
    public var products: [ProductProfile]
    /// How fast its kernels read the cache, for each way of storing it.
    public var attention: [AttentionProfile]
    /// Seconds for each element that a norm, a rotation, an activation, a sum of a branch, or storing keys and values
    /// writes; of many tokens.
    public var secondsPerElement: Double
    /// Seconds that a layer of one token takes beside its products, cached positions, elements and exchange.
    public var secondsPerLayer: Double

    /// A profile of these measurements.
    public init(
        host: String, cores: Int, threads: Int, instructionSet: String, memoryByteCount: Int, readBandwidth: Double,
        products: [ProductProfile], attention: [AttentionProfile], secondsPerElement: Double, secondsPerLayer: Double
    ) {
        self.host = host
        self.cores = cores
        self.threads = threads
        self.instructionSet = instructionSet
        self.memoryByteCount = memoryByteCount
        self.readBandwidth = readBandwidth
        self.products = products
        self.attention = attention
        self.secondsPerElement = secondsPerElement
        self.secondsPerLayer = secondsPerLayer
    }
}

/// How fast a rank's kernels multiply with weights of one encoding.
public struct ProductProfile: Sendable, Hashable, Codable {
    /// The encoding's name: `f32`, `bf16`, `f16`, `q8g32`, `q4g32`.
    public var encoding: String
    /// How much products round.
    public var math: Math
    /// Bytes of weights per second in products of one token, from memory.
    public var tokenBytesPerSecond: Double
    /// Seconds that a call of one to three products of one token takes beside reading their weights.
    public var tokenSeconds: Double
    /// Multiplications and additions per second in products of a chunk of 256 tokens.
    public var chunkOperationsPerSecond: Double

    /// A profile of these measurements.
    public init(
        encoding: String, math: Math, tokenBytesPerSecond: Double, tokenSeconds: Double,
        chunkOperationsPerSecond: Double
    ) {
        self.encoding = encoding
        self.math = math
        self.tokenBytesPerSecond = tokenBytesPerSecond
        self.tokenSeconds = tokenSeconds
        self.chunkOperationsPerSecond = chunkOperationsPerSecond
    }
}

/// How fast a rank's kernels compute attention over cached positions.
public struct AttentionProfile: Sendable, Hashable, Codable {
    /// How the cache stores keys and values.
    public var cache: CacheEncoding
    /// Bytes of cache per second for one token, from memory.
    public var tokenBytesPerSecond: Double
    /// Multiplications and additions per second for a chunk of 256 tokens.
    public var chunkOperationsPerSecond: Double

    /// A profile of these measurements.
    public init(cache: CacheEncoding, tokenBytesPerSecond: Double, chunkOperationsPerSecond: Double) {
        self.cache = cache
        self.tokenBytesPerSecond = tokenBytesPerSecond
        self.chunkOperationsPerSecond = chunkOperationsPerSecond
    }
}

/// What connects two ranks.
public struct LinkProfile: Sendable, Hashable, Codable {
    /// The lower rank.
    public var from: Int
    /// The higher rank.
    public var to: Int
    /// Seconds of the shortest message, one way.
    public var latencySeconds: Double
    /// Bytes per second of long messages.
    public var bytesPerSecond: Double

    /// A profile of these measurements.
    public init(from: Int, to: Int, latencySeconds: Double, bytesPerSecond: Double) {
        self.from = from
        self.to = to
        self.latencySeconds = latencySeconds
        self.bytesPerSecond = bytesPerSecond
    }
}

/// What a collective of the first so many ranks costs: `latency + bytes / bandwidth`, fitted to measurements.
public struct CollectiveProfile: Sendable, Hashable, Codable {
    /// A collective operation.
    public enum Operation: String, Sendable, Hashable, Codable, CaseIterable {
        /// `MPI_Allreduce`; bytes of the vector.
        case allReduce
        /// `MPI_Allgatherv` of uneven parts; bytes of the whole.
        case allGather
        /// `MPI_Reduce_scatter` of uneven parts; bytes of the whole.
        case reduceScatter
        /// `MPI_Bcast`; bytes of the vector.
        case broadcast
    }

    /// A measurement.
    public struct Point: Sendable, Hashable, Codable {
        /// Bytes.
        public var byteCount: Int
        /// Seconds, the median.
        public var seconds: Double

        /// A measurement.
        public init(byteCount: Int, seconds: Double) {
            self.byteCount = byteCount
            self.seconds = seconds
        }
    }

    /// What was measured.
    public var operation: Operation
    /// Ranks that took part: the first so many.
    public var rankCount: Int
    /// Seconds that do not depend on the bytes.
    public var latencySeconds: Double
    /// Bytes per second.
    public var bytesPerSecond: Double
    /// The largest distance of a measurement from the fitted line, as a part of the measurement.
    public var fitError: Double
    /// What the line is fitted to, in ascending order of bytes.
    public var points: [Point]

    /// A line and what it is fitted to.
    public init(
        operation: Operation, rankCount: Int, latencySeconds: Double, bytesPerSecond: Double, fitError: Double,
        points: [Point]
    ) {
        self.operation = operation
        self.rankCount = rankCount
        self.latencySeconds = latencySeconds
        self.bytesPerSecond = bytesPerSecond
        self.fitError = fitError
        self.points = points
    }
}
