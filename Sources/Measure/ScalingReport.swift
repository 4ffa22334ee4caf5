/// How speed changes with the number of ranks and their shares; the names of the JSON keys are those of the properties
/// and stay as they are.
public struct ScalingReport: Sendable, Hashable, Codable {
    /// One kind of forward on one division of the model, over all rounds; or a run that failed, which has only ranks,
    /// division, shares and the message.
    public struct Row: Sendable, Hashable, Codable {
        /// Ranks that took part.
        public var ranks: Int
        /// How the model was divided.
        public var division: Division
        /// `5:3:2` of a weighted division, else empty.
        public var shares: String
        /// The hosts, in rank order.
        public var hosts: [String] = []
        /// Threads of each rank.
        public var threads: [Int] = []
        /// `prompt of 512`, `decoding`, `batch of 4`.
        public var test: String?
        /// Rounds in which this was measured.
        public var rounds: Int = 0
        /// Tokens per second, measured: the median of the rounds' medians, of an even number the slower of the middle
        /// two, as everywhere here; the least and the greatest of all repetitions.
        public var tokensPerSecond: BenchmarkReport.Spread?
        /// Seconds for a token, of the median.
        public var secondsPerToken: Double?
        /// The median of ``speedUps``; nil where there is none.
        public var speedUp: Double?
        /// The speed over that of the report's ``ScalingReport/baseRanks`` in the same round, of each round in which
        /// both were measured.
        public var speedUps: [Double] = []
        /// The same of the critical path, the median. Computed, not measured.
        public var criticalPathSpeedUp: Double?
        /// Seconds for a token by phase, in the round of median speed: the mean over ranks; of a run that does not know
        /// them, rank 0's.
        public var phaseSecondsPerToken: [String: Double] = [:]
        /// The slowest rank's time beside the mean, in that round.
        public var imbalance: Double?
        /// The rank that others wait for, in that round.
        public var slowestRank: Int?
        /// Seconds for a token by the critical path, the median of the rounds. Computed, not measured.
        public var criticalPathSecondsPerToken: Double?
        /// Seconds for a token that the profile of the cluster predicts, the median of the rounds.
        public var predictedSecondsPerToken: Double?
        /// The same by the critical path.
        public var predictedCriticalPathSecondsPerToken: Double?
        /// Why there is no measurement.
        public var message: String?
    }

    /// The model.
    public var model: String
    /// Parameters; zero where every run failed.
    public var parameterCount: Int
    /// Bytes of each encoding in a weights file, by the encoding's name.
    public var byteCounts: [String: Int]
    /// What all runs have in common, as launch/scaling writes it.
    public var settings: String
    /// The ranks of the equal division that speed-ups are over: one, or else the fewest; nil where there is none.
    public var baseRanks: Int?
    /// By ranks, division and test.
    public var rows: [Row]

    /// A report on these runs.
    init(points: [ScalingPoint], settings: String) {
        self.settings = settings
        let runs = points.compactMap(\.run)
        model = runs.first?.model ?? "no model"
        parameterCount = runs.first?.parameterCount ?? 0
        byteCounts = runs.first?.byteCounts ?? [:]
        let base = points.filter { $0.division == .equal && $0.run != nil }.min { $0.ranks < $1.ranks }
        baseRanks = base?.ranks
        let bases = points.filter { point in base?.isSameDivision(as: point) ?? false }
            .compactMap { point in point.run.map { (point.round, $0) } }
        rows = Self.rows(points, bases: Dictionary(bases) { first, _ in first })
    }

    /// Each name once.
    static func distinct(_ names: [String]) -> [String] {
        names.reduce(into: []) { names, name in
            if !names.contains(name) { names.append(name) }
        }
    }

    /// The names of the tests, in the order of the runs.
    var tests: [String] { Self.distinct(rows.compactMap(\.test)) }

    /// Whether something was measured more than once.
    var hasRounds: Bool { rows.contains { $0.rounds > 1 } }

    /// What a phase is called in ``Row/phaseSecondsPerToken``, in the order in which a forward is explained.
    static let phases = ["attention", "mlp", "head", "communication", "wait", "rest"]
}

extension ScalingPoint {
    /// What was measured, if it was.
    var run: ScalingRun? {
        switch outcome {
        case .measured(let run): run
        case .failed: nil
        }
    }
}

extension ScalingReport.Row {
    /// `equal`, `planned`, or the shares.
    var divisionText: String { division == .weighted ? shares : division.rawValue }

    /// Tokens per second by the critical path. Computed, not measured.
    var criticalPathTokensPerSecond: Double? { criticalPathSecondsPerToken.map { 1 / $0 } }
}

/// The report as a table of commas.
extension ScalingReport {
    /// A line of titles, then a line for each row; numbers in seconds.
    public var csv: String {
        let titles =
            [
                "model", "ranks", "division", "shares", "hosts", "threads", "rounds", "test", "tokensPerSecond",
                "least", "greatest", "speedUp", "leastSpeedUp", "greatestSpeedUp", "secondsPerToken",
            ] + Self.phases.map { "\($0)SecondsPerToken" } + [
                "imbalance", "slowestRank", "criticalPathSecondsPerTokenComputed", "criticalPathSpeedUpComputed",
                "predictedSecondsPerToken", "predictedCriticalPathSecondsPerToken", "message",
            ]
        let lines = rows.map { row in
            [
                model, "\(row.ranks)", row.division.rawValue, row.shares, row.hosts.joined(separator: " "),
                row.threads.map(String.init).joined(separator: " "), "\(row.rounds)", row.test ?? "",
                Self.text(row.tokensPerSecond?.median), Self.text(row.tokensPerSecond?.least),
                Self.text(row.tokensPerSecond?.greatest), Self.text(row.speedUp), Self.text(row.speedUps.min()),
                Self.text(row.speedUps.max()), Self.text(row.secondsPerToken),
            ] + Self.phases.map { Self.text(row.phaseSecondsPerToken[$0]) } + [
                Self.text(row.imbalance), row.slowestRank.map(String.init) ?? "",
                Self.text(row.criticalPathSecondsPerToken), Self.text(row.criticalPathSpeedUp),
                Self.text(row.predictedSecondsPerToken), Self.text(row.predictedCriticalPathSecondsPerToken),
                row.message ?? "",
            ]
        }
        return CommaTable.text([titles] + lines)
    }

    private static func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
}
