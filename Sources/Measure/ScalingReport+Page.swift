import Foundation
import Partition

/// The report as a page.
extension ScalingReport {
    /// The whole page, with its plots inside.
    ///
    /// - Throws: ``MeasureError`` where gnuplot is missing or complains.
    public func page() throws(MeasureError) -> String {
        let sections = tests.map { (name: $0, plots: plots(test: $0)) }
        var pictures = try Gnuplot.draw(sections.flatMap(\.plots))[...]
        var body = Page.element("h1", "\(model): speed over ranks") + head
        for section in sections {
            body += Page.element("h2", section.name.prefix(1).uppercased() + section.name.dropFirst())
            body += table(test: section.name)
            for plot in section.plots {
                body += "<figure>\n" + Page.element("h3", plot.title) + (pictures.popFirst() ?? "") + "\n"
                    + Page.element("figcaption", plot.caption) + "</figure>\n"
            }
            body += missing(test: section.name).map { Page.element("p", $0) }.joined()
        }
        return Page.document(title: "\(model): speed over ranks", body: body)
    }

    private var head: String {
        let encodings = byteCounts.sorted { $0.key < $1.key }.map { "\(Figure.bytes($0.value)) \($0.key)" }
        var head = ""
        if parameterCount > 0 {
            head += Page.element(
                "p", "\(Figure.grouped(parameterCount)) parameters, \(encodings.joined(separator: ", ")).")
        }
        head += remarks.map { Page.element("p", $0) }.joined()
        let failures = rows.filter { $0.message != nil }
        if !failures.isEmpty {
            head += Page.element("h2", "Runs that failed") + "<div class=\"wide\">"
                + Page.table(
                    ["ranks", "division", "message"],
                    failures.map { ["\($0.ranks)", $0.divisionText, $0.message ?? ""] }, textColumns: 3) + "</div>\n"
        }
        return head + (settings.isEmpty ? "" : Page.element("h2", "Settings") + Page.element("pre", settings))
    }

    /// What must be known to read the figures.
    var remarks: [String] {
        var remarks: [String] = []
        if hasRounds {
            remarks.append(
                "The sweep was repeated in rounds. A speed is the median of the rounds, a speed-up that of the rounds' "
                    + "speed-ups: a machine that grows faster or slower from round to round does not count, unless a "
                    + "round was interrupted. Phases and imbalance are those of the round of median speed; of an even "
                    + "number of rounds the slower of the middle two counts.")
        }
        let threads = Set(rows.flatMap(\.threads)).sorted()
        if threads.count > 1 {
            remarks.append(
                "Ranks have \(Figure.list(threads)) threads: speed-ups are those of unlike ranks. "
                    + "With --threads \(threads[0]) each rank of each run has the same.")
        }
        if rows.contains(where: { $0.criticalPathSecondsPerToken != nil }) {
            remarks.append(
                "The critical path is computed, not measured: between exchanges the slowest rank's processor time, and "
                    + "the cost of the exchange. Where ranks share cores, it says what a core for each would give, "
                    + "which the clock on the wall does not.")
        }
        return remarks
    }

    /// Plots that a reader may look for and why they are not there.
    private func missing(test: String) -> [String] {
        let rows = rows.filter { $0.test == test }
        var missing: [String] = []
        if !rows.contains(where: { $0.division != .equal }) {
            missing.append("Nothing was measured with weighted shares: launch/scaling --shares 5:3:2 does.")
        }
        if !rows.contains(where: { $0.predictedSecondsPerToken != nil }) {
            missing.append("There are no predictions: they need a cluster's profile, launch/scaling --cluster FILE.")
        }
        return missing
    }

    private func table(test: String) -> String {
        let rows = rows.filter { $0.test == test }
        let titles = [
            "ranks", "division", "threads", "rounds", "tokens/s", "least", "greatest", "speed-up", "least speed-up",
            "greatest speed-up", "imbalance", "slowest rank", "critical path, tokens/s (computed)",
            "predicted, tokens/s", "critical path, predicted, tokens/s",
        ]
        let cells = rows.map { row in
            [
                "\(row.ranks)", row.divisionText, Self.threadsText(row.threads), hasRounds ? "\(row.rounds)" : "-",
                Self.rate(row.tokensPerSecond?.median), Self.rate(row.tokensPerSecond?.least),
                Self.rate(row.tokensPerSecond?.greatest), Self.rate(row.speedUp),
                Self.rate(hasRounds ? row.speedUps.min() : nil), Self.rate(hasRounds ? row.speedUps.max() : nil),
                Self.rate(row.imbalance), row.slowestRank.map(String.init) ?? "-",
                Self.rate(row.criticalPathTokensPerSecond), Self.rate(row.predictedSecondsPerToken.map { 1 / $0 }),
                Self.rate(row.predictedCriticalPathSecondsPerToken.map { 1 / $0 }),
            ]
        }
        // A column that says nothing would only take room.
        let used = titles.indices.filter { column in cells.contains { $0[column] != "-" } }
        let table = Page.table(used.map { titles[$0] }, cells.map { row in used.map { row[$0] } }, textColumns: 2)
        return "<div class=\"wide\">\(table)</div>\n"
    }

    private static func threadsText(_ threads: [Int]) -> String {
        Set(threads).count == 1 ? "\(threads[0])" : threads.map(String.init).joined(separator: " ")
    }

    private static func rate(_ value: Double?) -> String { value.map { Figure.decimal($0, 2) } ?? "-" }
}
