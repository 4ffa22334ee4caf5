import Blueprint
public import Compute
public import Engine
package import Partition

/// A benchmark's figures; the names of the JSON keys are those of the properties and stay as they are.
public struct BenchmarkReport: Sendable, Hashable, Codable {
    /// The median of some figures, the least and the greatest.
    public struct Spread: Sendable, Hashable, Codable {
        /// Half of them are at least so large; between the middle two of an even number.
        public var median: Double
        /// The least.
        public var least: Double
        /// The greatest.
        public var greatest: Double

        /// The spread of at least one figure.
        public init(_ figures: [Double]) {
            precondition(!figures.isEmpty, "There is a figure.")
            let sorted = figures.sorted()
            median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
            least = sorted[0]
            greatest = sorted[sorted.count - 1]
        }
    }

    /// The figures of one kind of forward; rates are those of the median.
    public struct Test: Sendable, Hashable, Codable {
        /// `prompt of 512`, `decoding`, `batch of 4`.
        public var name: String
        /// Tokens in one forward; of a prompt all.
        public var batch: Int
        /// The position of the first token.
        public var firstPosition: Int
        /// Tokens of one repetition.
        public var tokens: Int
        /// Tokens per second of each repetition.
        public var tokensPerSecond: Spread
        /// Bytes of weights and cache that all ranks read for a token, by the plan.
        public var bytesPerToken: Double
        /// Those bytes per second.
        public var bytesPerSecond: Double
        /// Each repetition's bytes per second as a part of what the machines read at best right before and after it,
        /// the median; nil where caches hold the weights.
        public var shareOfReading: Double?
        /// Multiplications and additions of all ranks per second, by the plan.
        public var operationsPerSecond: Double
        /// That as a part of the machines' peak; nil where it is not known.
        public var shareOfPeak: Double?
        /// The part of rank 0's time that each phase took, waiting with communication.
        public var phases: [String: Double]
        /// Seconds of a forward, or of the whole prompt, of each repetition.
        public var secondsPerForward: Spread
        /// What each rank did in the repetition of median time, as ``Activity/ranks``.
        public var ranks: [Activity.Rank]
        /// Whether ranks take turns on cores.
        public var sharesCores: Bool
        /// The computing of the slowest rank over the mean of all.
        public var imbalance: Double
        /// The rank that computes longest.
        public var slowestRank: Int
        /// What a forward would take if no rank shared cores, computed; nil where none does.
        public var criticalPathSeconds: Double?
        /// The seconds that were predicted for a forward.
        public var predictedSeconds: Double?
        /// The seconds that were predicted for the critical path; nil where there is none.
        public var predictedCriticalPathSeconds: Double?
        /// What would have been predicted for a forward had the machines read memory and computed, when they were
        /// measured, as fast as around this test: of each rank's rates the medians over the repetitions.
        public var predictedSecondsAtPace: Double?
        /// The same for the critical path.
        public var predictedCriticalPathSecondsAtPace: Double?
        /// Collectives of a forward.
        public var messages: Activity.Count
        /// Bytes of their complete vectors.
        public var bytes: Activity.Count
        /// Bytes of experts' weights that all ranks read; absent where there are no experts.
        public var expertBytes: Activity.Count?
    }

    /// What reading the weights took, conversion to the kernels' layout included.
    public struct Loading: Sendable, Hashable, Codable {
        /// From the first byte to the last rank's last matrix.
        public var seconds: Double
        /// Bytes that each rank read from the weights file.
        public var byteCounts: [Int]  // [ranks]
        /// Bytes that all ranks together read in a second.
        public var bytesPerSecond: Double

        init(_ loading: Engine.Loading) {
            (seconds, byteCounts, bytesPerSecond) = (loading.seconds, loading.byteCounts, loading.bytesPerSecond)
        }
    }

    /// The model.
    public var model: String
    /// Parameters; a tied head counts once.
    public var parameterCount: Int
    /// Bytes of each encoding in a weights file, by the encoding's name.
    public var byteCounts: [String: Int]
    /// How ranks put their parts together.
    public var way: String
    /// The loading of a weights file; nil where the weights are random numbers.
    public var loading: Loading?
    /// What each rank runs on, in rank order.
    public var machines: [Machine]
    /// What the products of prompts multiply.
    public var factors: Factors
    /// The check of the output.
    public var check: OutputCheck
    /// The errors of products on rank 0, for each encoding of its matrices.
    public var errors: [EncodingError]
    /// One for each kind of forward.
    public var tests: [Test]
    /// How machines were not as they were when the profile was measured that predictions are made from, in sentences;
    /// absent without a profile.
    public var departures: [String]?

    init(
        model: String, plan: Plan, loading: Engine.Loading, check: OutputCheck, errors: [EncodingError],
        machines: [Machine], tests: [TimedTest], predictions: [TimedPrediction?],
        departures: [String]?
    ) {
        self.model = model
        parameterCount = plan.blueprint.parameterCount
        byteCounts = plan.summary.model.byteCounts
        way = plan.policy.way.rawValue
        self.loading = loading.byteCountOfAll > 0 ? Loading(loading) : nil
        self.machines = machines
        factors = Self.factors(plan, machines)
        self.check = check
        self.errors = errors
        self.departures = departures
        let isHeldAgainstReading = Self.readsMemory(plan)
        self.tests = []
        self.tests = zip(tests, predictions).map { test, prediction in
            let work = (0..<plan.rankCount).reduce(Work()) { $0 + test.work(plan, rank: $1) }
            return Test(
                name: test.name, batch: test.batch, firstPosition: test.firstPosition,
                tokens: test.batch * test.stepCount, work: work, timings: test.timings,
                readings: isHeldAgainstReading ? test.readings.map { $0.reduce(0, +) } : [], peak: peak,
                planned: test.traffic(plan),
                expertByteCount: test.expertByteCount(plan), prediction: prediction)
        }
    }

    /// What the products of most weights with many tokens multiply.
    private static func factors(_ plan: Plan, _ machines: [Machine]) -> Factors {
        let largest = plan.blueprint.weights.filter { !$0.isVector }.max { $0.elementCount < $1.elementCount }
        let encoding = largest.map { plan.encoding(of: $0) } ?? .f32
        return Factors.ofProducts(
            isGrouped: encoding.isGrouped, isBFloat: encoding == .plain(.bf16), plan.policy.math,
            hasBFloats: machines.allSatisfy { ($0.peaks[.bf16] ?? 0) > 0 },
            hasTiles: machines.allSatisfy { $0.instructionSet == InstructionSet.amx.rawValue })
    }

    /// Whether the weights of some rank are more than its last cache may hold from one forward to the next.
    static func readsMemory(_ plan: Plan) -> Bool {
        let weights = (0..<plan.rankCount).map { plan.holdings(rank: $0).weightByteCount }.max() ?? 0
        return weights > largestCacheByteCount
    }

    // Below this, repeated forwards may read a rank's weights from its last cache.
    private static let largestCacheByteCount = 128 << 20

    /// Bytes per second that all machines together read.
    public var reading: Double { machines.reduce(0) { $0 + $1.readBandwidth } }

    /// Operations per second that all machines together do on the factors of the products; zero where any has no
    /// instruction for them.
    public var peak: Double { peak(of: factors) }

    /// The same for any factors.
    func peak(of factors: Factors) -> Double {
        let peaks = machines.map { $0.peaks[factors] ?? 0 }
        return peaks.contains(0) ? 0 : peaks.reduce(0, +)
    }
}

extension BenchmarkReport.Test {
    /// The figures of repetitions that took `timings`, each with this work of all ranks.
    ///
    /// - Parameters:
    ///   - readings: bytes per second that all machines read at best around each repetition; empty where caches hold
    ///     the weights.
    ///   - peak: operations per second that they do at best; zero where that is not known.
    package init(
        name: String, batch: Int, firstPosition: Int, tokens: Int, work: Work, timings: [Session.Timing],
        readings: [Double], peak: Double, planned: Traffic, expertByteCount: Int? = nil,
        prediction: TimedPrediction? = nil
    ) {
        let seconds = timings.map { $0.seconds.reduce(0, +) }
        let rate = BenchmarkReport.Spread(seconds.map { Double(tokens) / $0 })
        let repetitionsPerSecond = rate.median / Double(tokens)
        self.name = name
        self.batch = batch
        self.firstPosition = firstPosition
        self.tokens = tokens
        tokensPerSecond = rate
        bytesPerToken = Double(work.byteCount) / Double(tokens)
        bytesPerSecond = Double(work.byteCount) * repetitionsPerSecond
        let shares = zip(seconds, readings).map { Double(work.byteCount) / $0 / $1 }
        shareOfReading = shares.isEmpty ? nil : BenchmarkReport.Spread(shares).median
        operationsPerSecond = Double(work.operationCount) * repetitionsPerSecond
        shareOfPeak = peak > 0 ? operationsPerSecond / peak : nil
        let byTime = timings.indices.sorted { seconds[$0] < seconds[$1] }
        let median = timings[byTime[(byTime.count - 1) / 2]]
        let count = median.seconds.count
        func activityOf(_ timing: Session.Timing) -> Activity? {
            Activity(
                timing.measurement, count: count, planned: planned, expertByteCount: expertByteCount,
                prediction: prediction?.byProfile)
        }
        guard let activity = activityOf(median) else { preconditionFailure("A repetition has a forward.") }
        secondsPerForward = BenchmarkReport.Spread(seconds.map { $0 / Double(count) })
        (ranks, sharesCores) = (activity.ranks, activity.sharesCores)
        (imbalance, slowestRank) = (activity.imbalance, activity.slowestRank)
        let paths = timings.compactMap { activityOf($0)?.criticalPathSeconds }
        criticalPathSeconds = paths.isEmpty ? nil : BenchmarkReport.Spread(paths).median
        predictedSeconds = activity.predictedSeconds
        predictedCriticalPathSeconds = activity.predictedCriticalPathSeconds
        predictedSecondsAtPace = prediction?.atPace.seconds
        predictedCriticalPathSecondsAtPace = sharesCores ? prediction?.atPace.secondsAlone : nil
        (messages, bytes, expertBytes) = (activity.messages, activity.bytes, activity.expertBytes)
        let lead = activity.ranks[0]
        phases = Dictionary(
            uniqueKeysWithValues: Phase.allCases.map { phase in
                let own = (lead.seconds[phase] ?? 0) + (phase == .communication ? lead.waitSeconds : 0)
                return (phase.rawValue, lead.totalSeconds > 0 ? own / lead.totalSeconds : 0)
            })
    }
}
