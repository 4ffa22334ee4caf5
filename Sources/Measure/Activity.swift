public import Engine
public import Partition

/// What every rank did in some forwards, against the plan and a prediction; the names of the JSON keys are those of the
/// properties and stay as they are.
///
/// Of a collective the least time that any rank was in it is communication; what a rank was in it beyond that, it
/// waited. A prompt counts as one forward, whatever its chunks.
public struct Activity: Sendable, Hashable, Codable {
    /// What one rank did; seconds per forward.
    public struct Rank: Sendable, Hashable, Codable {
        /// Its number.
        public var rank: Int
        /// Its host.
        public var host: String
        /// Its threads.
        public var threads: Int
        /// Seconds of each phase; communication without waiting.
        public var seconds: [Phase: Double]
        /// Seconds that it waited in collectives.
        public var waitSeconds: Double
        /// Processors' seconds outside of collectives, of all its threads.
        public var cpuSeconds: Double
        /// What was predicted of all this; absent where nothing was.
        public var predicted: Prediction.Rank?
    }

    /// A figure of the plan, for greedy choices, and what was counted; per forward.
    public struct Count: Sendable, Hashable, Codable {
        /// What the plan says.
        public var planned: Double
        /// What it came to.
        public var counted: Double

        /// A figure and its count.
        public init(planned: Double, counted: Double) {
            self.planned = planned
            self.counted = counted
        }
    }

    /// Seconds of a forward: all phases and the waiting of any rank.
    public var secondsPerForward: Double
    /// In rank order.
    public var ranks: [Rank]
    /// Whether ranks take turns on cores, so that only processors' seconds say how long each computes.
    public var sharesCores: Bool
    /// The computing of the slowest rank over the mean of all.
    public var imbalance: Double
    /// The rank that computes longest, for which the others wait.
    public var slowestRank: Int
    /// What a forward would take if no rank shared cores: computed, not measured. The sum of what the slowest rank
    /// computes between the points where ranks meet, by its mean over the steps, but with whole or mixed experts in
    /// each step; and the collectives. Nil where no rank shares cores.
    public var criticalPathSeconds: Double?
    /// The seconds that were predicted for a forward.
    public var predictedSeconds: Double?
    /// The seconds that were predicted for the critical path; nil where there is none.
    public var predictedCriticalPathSeconds: Double?
    /// Collectives.
    public var messages: Count
    /// Bytes of their complete vectors.
    public var bytes: Count
    /// Bytes of experts' weights that all ranks read; absent where there are no experts.
    public var expertBytes: Count?

    init(
        secondsPerForward: Double, ranks: [Rank], sharesCores: Bool, imbalance: Double, slowestRank: Int,
        criticalPathSeconds: Double?, predictedSeconds: Double?, predictedCriticalPathSeconds: Double?,
        messages: Count, bytes: Count, expertBytes: Count?
    ) {
        self.secondsPerForward = secondsPerForward
        self.ranks = ranks
        self.sharesCores = sharesCores
        self.imbalance = imbalance
        self.slowestRank = slowestRank
        self.criticalPathSeconds = criticalPathSeconds
        self.predictedSeconds = predictedSeconds
        self.predictedCriticalPathSeconds = predictedCriticalPathSeconds
        self.messages = messages
        self.bytes = bytes
        self.expertBytes = expertBytes
    }

    /// The activity in `count` forwards, none if there was none.
    ///
    /// - Parameters:
    ///   - planned: what all forwards exchange by the plan.
    ///   - expertByteCount: bytes of experts that all ranks are to read in all forwards; nil where there are none.
    ///   - prediction: what one of them takes on average.
    public init?(
        _ measurement: Measurement, count: Int, planned: Traffic, expertByteCount: Int? = nil,
        prediction: Prediction? = nil
    ) {
        guard count > 0, measurement.forwards > 0 else { return nil }
        let forwards = Double(count)
        sharesCores = measurement.ranks.contains(where: \.sharesCores)
        ranks = measurement.ranks.enumerated().map { number, rank in
            Rank(
                rank: number, host: rank.host, threads: rank.threads, seconds: rank.seconds.mapValues { $0 / forwards },
                waitSeconds: rank.waitSeconds / forwards, cpuSeconds: rank.processorSeconds / forwards,
                predicted: prediction?.ranks[number])
        }
        secondsPerForward = ranks[0].totalSeconds
        let isShared = sharesCores
        let computing = ranks.map { $0.computingSeconds(sharesCores: isShared) }
        let (mean, longest) = (computing.reduce(0, +) / Double(computing.count), computing.max() ?? 0)
        imbalance = mean > 0 ? longest / mean : 1
        slowestRank = computing.firstIndex(of: longest) ?? 0
        predictedSeconds = prediction?.seconds
        if sharesCores {
            let exchange = prediction?.exchangeSecondsAlone ?? ranks[0].seconds[.communication] ?? 0
            criticalPathSeconds = measurement.longestComputationSeconds / forwards + exchange
            predictedCriticalPathSeconds = prediction?.secondsAlone
        }
        messages = Count(
            planned: Double(planned.collectives) / forwards, counted: Double(measurement.collectives) / forwards)
        bytes = Count(planned: Double(planned.byteCount) / forwards, counted: Double(measurement.byteCount) / forwards)
        expertBytes = expertByteCount.map { planned in
            let counted = measurement.ranks.reduce(0) { $0 + $1.expertByteCount }
            return Count(planned: Double(planned) / forwards, counted: Double(counted) / forwards)
        }
    }
}

extension BenchmarkReport.Test {
    /// The ranks' activity in the repetition of median time, with the median critical path.
    var activity: Activity {
        Activity(
            secondsPerForward: secondsPerForward.median, ranks: ranks, sharesCores: sharesCores, imbalance: imbalance,
            slowestRank: slowestRank, criticalPathSeconds: criticalPathSeconds, predictedSeconds: predictedSeconds,
            predictedCriticalPathSeconds: predictedCriticalPathSeconds, messages: messages, bytes: bytes,
            expertBytes: expertBytes)
    }
}

extension Activity.Rank {
    /// All phases and waiting.
    var totalSeconds: Double { seconds.values.reduce(waitSeconds, +) }

    /// The time outside of collectives: by the wall clock, or by the processors' where they are shared.
    func computingSeconds(sharesCores: Bool) -> Double {
        sharesCores
            ? cpuSeconds / Double(threads) : seconds.reduce(0) { $1.key == .communication ? $0 : $0 + $1.value }
    }
}
