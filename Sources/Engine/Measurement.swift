public import Partition

/// What every rank did in some steps, as rank 0 has gathered it.
public struct Measurement: Sendable, Hashable {
    /// What one rank did; seconds of all steps together.
    public struct Rank: Sendable, Hashable {
        /// Its host.
        public var host: String
        /// Its threads.
        public var threads: Int
        /// Whether its threads must take turns on cores.
        public var sharesCores: Bool
        /// Seconds of each phase; communication without waiting.
        public var seconds: [Phase: Double]
        /// Seconds in collectives beyond the least that any rank was in each of them.
        public var waitSeconds: Double
        /// Processors' seconds outside of collectives, of all threads.
        public var processorSeconds: Double
        /// Bytes of experts' weights that were read.
        public var expertByteCount: Int
        /// The most bytes of memory that its process has held so far; nil if the system does not tell.
        public var peakByteCount: Int?

        /// A rank's times.
        public init(
            host: String, threads: Int, sharesCores: Bool, seconds: [Phase: Double], waitSeconds: Double,
            processorSeconds: Double, expertByteCount: Int = 0, peakByteCount: Int? = nil
        ) {
            self.host = host
            self.threads = threads
            self.sharesCores = sharesCores
            self.seconds = seconds
            self.waitSeconds = waitSeconds
            self.processorSeconds = processorSeconds
            self.expertByteCount = expertByteCount
            self.peakByteCount = peakByteCount
        }
    }

    /// In rank order.
    public var ranks: [Rank]
    /// Forwards.
    public var forwards: Int
    /// Collectives and their payload.
    public var collectives: Int
    /// The payload's bytes.
    public var byteCount: Int
    /// What the slowest rank computed before each point where ranks meet, by its mean over the steps, but with whole or
    /// mixed experts in each step; in processors' seconds by its threads, summed over points and steps.
    public var longestComputationSeconds: Double

    /// What these ranks did.
    public init(
        ranks: [Rank], forwards: Int, collectives: Int, byteCount: Int, longestComputationSeconds: Double
    ) {
        self.ranks = ranks
        self.forwards = forwards
        self.collectives = collectives
        self.byteCount = byteCount
        self.longestComputationSeconds = longestComputationSeconds
    }
}
