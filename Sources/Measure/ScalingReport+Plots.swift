/// The report's pictures.
extension ScalingReport {
    /// The pictures of one kind of forward that its runs have the figures for.
    func plots(test: String) -> [Plot] {
        let rows = rows.filter { $0.test == test }
        return [speed(rows), speedUp(rows), phases(rows), shares(rows), predictions(rows)].compactMap { $0 }
    }

    /// A name and a colour for each division.
    private static let divisions: [(division: Division, title: String, color: Plot.Color)] = [
        (.equal, "equal shares", .blue), (.weighted, "weighted shares", .red), (.planned, "planned shares", .green),
    ]

    private func speed(_ rows: [Row]) -> Plot {
        let base = rows.first { $0.division == .equal && $0.ranks == baseRanks }?.tokensPerSecond?.median
        return Plot(
            title: "Tokens per second",
            caption: "\(spreadText) \(idealText)",
            commands: overRanks(
                rows, label: "tokens per second", ideal: base,
                measured: { $0.tokensPerSecond.map { [$0.median, $0.least, $0.greatest] } },
                computed: { $0.criticalPathTokensPerSecond }))
    }

    private func speedUp(_ rows: [Row]) -> Plot? {
        guard let baseRanks, rows.contains(where: { $0.speedUp != nil }) else { return nil }
        return Plot(
            title: "Speed-up",
            caption: "Over \(Self.ranksText(baseRanks)) with equal shares"
                + (hasRounds ? " in the same round: medians, from the least round to the greatest. " : ". ")
                + idealText,
            commands: overRanks(
                rows, label: "speed-up over \(Self.ranksText(baseRanks))", ideal: 1,
                measured: { row in
                    row.speedUp.map { [$0, row.speedUps.min() ?? $0, row.speedUps.max() ?? $0] }
                },
                computed: { $0.criticalPathSpeedUp }))
    }

    private var spreadText: String {
        hasRounds
            ? "Medians of the rounds' medians, from the least to the greatest repetition of all rounds."
            : "Medians, from the least to the greatest of the repetitions."
    }

    private var idealText: String {
        baseRanks.map { "The ideal line grows with the ranks from \(Self.ranksText($0)) on." }
            ?? "There is no run with equal shares to draw an ideal line from."
    }

    static func ranksText(_ count: Int) -> String { "\(count) rank\(count == 1 ? "" : "s")" }

    /// Points over the number of ranks.
    ///
    /// - Parameters:
    ///   - ideal: the value of ``baseRanks`` that the ideal line goes through.
    ///   - measured: value, least and greatest.
    ///   - computed: what the critical path gives.
    private func overRanks(
        _ rows: [Row], label: String, ideal: Double?, measured: (Row) -> [Double]?, computed: (Row) -> Double?
    ) -> String {
        let counts = Set(rows.map(\.ranks)).sorted()
        let (first, last) = (Double(counts.first ?? 1) - 0.5, Double(counts.last ?? 1) + 0.5)
        // Divisions of the same ranks stand side by side: six places, all nearer to their number than to the next.
        let step = min((last - first) / 80, 0.08)
        var commands = """
            set xlabel "ranks"
            set ylabel "\(label)"
            set xrange [\(first):\(last)]
            set xtics (\(counts.map(String.init).joined(separator: ", ")))

            """
        var things: [String] = []
        if let ideal, let baseRanks {
            let color = Plot.Color.gray.rawValue
            things.append("\(ideal) * x / \(baseRanks) with lines dt 2 lw 2 lc rgb \"\(color)\" title \"ideal\"")
        }
        for (index, (division, title, color)) in Self.divisions.enumerated() {
            let shift = Double(index) * step
            let own = rows.filter { $0.division == division }
            let points = own.compactMap { row in measured(row).map { [Double(row.ranks) + shift] + $0 } }
            if !points.isEmpty {
                commands += Plot.data(division.rawValue, points)
                let style = "\(division == .equal ? "yerrorlines" : "yerrorbars") pt \(5 + 2 * index) ps 0.9 lw 2"
                things.append(
                    "$\(division.rawValue) using 1:2:3:4 with \(style) lc rgb \"\(color.rawValue)\" title \"\(title)\"")
            }
            // Hollow, in the shape and the colour of what was measured, and left of all that was.
            let left = Double(index - Self.divisions.count) * step
            let path = own.compactMap { row in computed(row).map { [Double(row.ranks) + left, $0] } }
            if !path.isEmpty {
                commands += Plot.data("path_\(division.rawValue)", path)
                things.append(
                    "$path_\(division.rawValue) using 1:2 with points pt \(4 + 2 * index) ps 1 lw 2 "
                        + "lc rgb \"\(color.rawValue)\" title \"\(title), critical path (computed)\"")
            }
        }
        return commands + Plot.plot(things)
    }

    private func phases(_ rows: [Row]) -> Plot? {
        let colors: [Plot.Color] = [.blue, .sky, .green, .red, .yellow, .lightGray]
        let unit = Plot.unit(largest: rows.compactMap(\.secondsPerToken).max() ?? 0)
        let known = Self.phases.filter { phase in rows.contains { $0.phaseSecondsPerToken[phase] != nil } }
        guard !known.isEmpty else { return nil }
        let isApart = known.contains("wait")
        let bars = rows.map { row in known.map { (row.phaseSecondsPerToken[$0] ?? 0) * unit.perSecond } }
        let things = known.enumerated().map { index, phase in
            let color = Self.phases.firstIndex(of: phase).map { colors[$0] } ?? .gray
            let title = phase == "communication" && !isApart ? "communication and waiting" : phase
            return "$phases using \(index + 1) lc rgb \"\(color.rawValue)\" title \"\(title)\""
        }
        let commands = """
            set ylabel "\(unit.name) per token"
            set style data histogram
            set style histogram rowstacked
            set boxwidth 0.7

            """
        return Plot(
            title: "Time per token by phase",
            caption: isApart
                ? "The mean over the ranks of each run: unlike ranks show as waiting." : "Rank 0 of each run.",
            commands: commands + RunLabels(rows: rows).commands + Plot.data("phases", bars) + Plot.plot(things))
    }

    private func shares(_ rows: [Row]) -> Plot? {
        let counts = Set(rows.filter { $0.division != .equal }.map(\.ranks))
        let rows = rows.filter { counts.contains($0.ranks) }
        guard !rows.isEmpty else { return nil }
        var commands = "set ylabel \"tokens per second\"\n" + RunLabels(rows: rows).commands
        var things: [String] = []
        for (division, title, color) in Self.divisions {
            let bars = rows.enumerated().filter { $0.element.division == division }.compactMap { index, row in
                row.tokensPerSecond.map { [Double(index), $0.median] }
            }
            guard !bars.isEmpty else { continue }
            commands += Plot.data(division.rawValue, bars)
            things.append(
                "$\(division.rawValue) using 1:2:(0.6) with boxes lc rgb \"\(color.rawValue)\" title \"\(title)\"")
        }
        let spreads = rows.enumerated().compactMap { index, row in
            row.tokensPerSecond.map { [Double(index), $0.least, $0.greatest] }
        }
        commands += Plot.data("spreads", spreads)
        // Error bars would stamp a white point into each bar.
        let style = "with vectors heads size screen 0.006,90 lw 2 lc rgb \"#222222\""
        things.append("$spreads using 1:2:(0):($3 - $2) \(style) notitle")
        return Plot(
            title: "Equal and weighted shares",
            caption: spreadText,
            commands: commands + Plot.plot(things))
    }

    private func predictions(_ rows: [Row]) -> Plot? {
        let rows = rows.filter { $0.predictedSecondsPerToken != nil }
        guard !rows.isEmpty else { return nil }
        let all: [(title: String, color: Plot.Color, value: (Row) -> Double?)] = [
            ("measured", .blue, { $0.secondsPerToken }),
            ("predicted", .orange, { $0.predictedSecondsPerToken }),
            ("critical path (computed, not measured)", .pink, { $0.criticalPathSecondsPerToken }),
            ("critical path, predicted", .green, { $0.predictedCriticalPathSecondsPerToken }),
        ]
        let kinds = all.filter { kind in rows.contains { kind.value($0) != nil } }
        let distance = 0.78 / Double(kinds.count)
        let unit = Plot.unit(largest: kinds.flatMap { kind in rows.compactMap(kind.value) }.max() ?? 0)
        var commands = "set ylabel \"\(unit.name) per token\"\n" + RunLabels(rows: rows).commands
        var things: [String] = []
        for (place, kind) in kinds.enumerated() {
            let bars = rows.enumerated().compactMap { index, row in
                let offset = distance * (Double(place) - Double(kinds.count - 1) / 2)
                return kind.value(row).map { [Double(index) + offset, $0 * unit.perSecond] }
            }
            commands += Plot.data("kind\(place)", bars)
            things.append(
                "$kind\(place) using 1:2:(\(distance * 0.92)) with boxes lc rgb \"\(kind.color.rawValue)\" "
                    + "title \"\(kind.title)\"")
        }
        return Plot(
            title: "Predicted and measured", caption: "Predicted from the cluster's profile before the run.",
            commands: commands + Plot.plot(things))
    }
}
