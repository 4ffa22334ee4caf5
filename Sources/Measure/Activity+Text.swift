import Partition

extension Activity {
    /// A line, a table of the ranks in milliseconds, and what follows from it; the table is indented by four.
    ///
    /// - Parameter name: what was done, such as `decoding`.
    public func text(_ name: String) -> String {
        let titles = ["rank", "host"] + Phase.allCases.map(\.rawValue) + ["wait", "processors"]
        let rows = ranks.flatMap(Self.rows)
        let table = Table.indentedText([titles] + rows)
        let lines = [experts, slowness, prediction, criticalPath].compactMap { $0 }.map { "\($0)\n" }.joined()
        return "\(name): \(Self.milliseconds(secondsPerForward)) ms a forward; \(exchanged)\n\n\(table)\n\(lines)"
    }

    private var exchanged: String {
        let counted = "\(Figure.bytes(Int(bytes.counted.rounded()))) in \(Figure.decimal(messages.counted, 1)) messages"
        guard bytes.counted != bytes.planned || messages.counted != messages.planned else {
            return "exchanged \(counted), as planned"
        }
        return "exchanged \(counted), planned \(Figure.bytes(Int(bytes.planned.rounded()))) in "
            + Figure.decimal(messages.planned, 1)
    }

    private var experts: String? {
        expertBytes.map { bytes in
            "experts: \(Figure.bytes(Int(bytes.counted.rounded()))) of weights read, "
                + "\(Figure.bytes(Int(bytes.planned.rounded()))) planned"
        }
    }

    private var slowness: String? {
        guard ranks.count > 1 else { return nil }
        return "imbalance \(Figure.decimal(imbalance, 2)) (slowest over mean): the others wait for rank \(slowestRank) "
            + "on \(ranks[slowestRank].host)" + (sharesCores ? ", by processors' time, since ranks share cores" : "")
    }

    private var prediction: String? {
        predictedSeconds.map { seconds in
            Self.comparison(predicted: seconds, measured: secondsPerForward)
        }
    }

    private var criticalPath: String? {
        criticalPathSeconds.map { seconds in
            "computed, not measured, since ranks share cores: critical path \(Self.milliseconds(seconds)) ms: "
                + "the slowest rank's processors' time between exchanges, by its mean over steps unless owners of "
                + "experts change, and of each exchange "
                + (predictedCriticalPathSeconds.map { "the profile's, computed from pairs of ranks; predicted "
                    + "\(Self.milliseconds($0)) ms" } ?? "the least time that any rank spent in it")
        }
    }

    /// What a rank did and, below it, what was predicted.
    private static func rows(_ rank: Rank) -> [[String]] {
        let did = ["\(rank.rank)", rank.host] + times(rank.seconds, rank.waitSeconds)
        let predicted = rank.predicted.map { ["\(rank.rank)", "predicted"] + times($0.seconds, $0.waitSeconds) + [""] }
        return [did + [milliseconds(rank.cpuSeconds)], predicted].compactMap { $0 }
    }

    private static func times(_ seconds: [Phase: Double], _ waitSeconds: Double) -> [String] {
        Phase.allCases.map { milliseconds(seconds[$0] ?? 0) } + [milliseconds(waitSeconds)]
    }

    /// Seconds of a forward beside what was predicted.
    static func comparison(predicted: Double, measured: Double) -> String {
        "predicted \(milliseconds(predicted)) ms; measured \(Figure.percent(measured / predicted)) of it"
    }

    static func milliseconds(_ seconds: Double) -> String { Figure.decimal(seconds * 1000, 3) }
}
