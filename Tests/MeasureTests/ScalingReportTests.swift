import Foundation
import Measure
import Testing

@Suite struct ScalingReportTests {
    /// A folder of runs, removed at the end.
    private func report(_ files: [String: String]) throws -> ScalingReport {
        let folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-scaling-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
        return try ScalingReport(folder: folder.path(percentEncoded: false))
    }

    private func run(rate: Double, more: String = "") -> String {
        """
        {"model": "<m> & \\"n\\"", "parameterCount": 10, "byteCounts": {"f32": 40},
         "machines": [{"host": "a", "threads": 1}],
         "tests": [{"name": "decoding", "batch": 1, "phases": {"mlp": 0.75, "communication": 0.25},
                    "tokensPerSecond": {"median": \(rate), "least": \(rate - 1), "greatest": \(rate + 1)} \(more)}]}
        """
    }

    @Test func speedUpsAreOverTheFewestRanksWithEqualShares() throws {
        let report = try report([
            "ranks-10-equal.json": run(rate: 64), "ranks-2-equal.json": run(rate: 8),
            "ranks-2-shares-3:1.json": run(rate: 12), "ranks-3-planned.json": run(rate: 16), "notes.json": "none",
        ])
        #expect(report.baseRanks == 2)
        #expect(report.rows.map(\.ranks) == [2, 2, 3, 10])
        #expect(report.rows.map(\.division) == [.equal, .weighted, .planned, .equal])
        #expect(report.rows.map(\.shares) == ["", "3:1", "", ""])
        #expect(report.rows.map(\.speedUp) == [1, 1.5, 2, 8])
        #expect(report.rows[0].secondsPerToken == 0.125)
        #expect(report.rows[0].phaseSecondsPerToken == ["mlp": 0.09375, "communication": 0.03125])
        #expect(report.rows[1].tokensPerSecond?.least == 11 && report.rows[1].tokensPerSecond?.greatest == 13)
    }

    @Test func ranksAreAveragedAndTheirWaitingIsApart() throws {
        let more = """
            , "secondsPerForward": {"median": 0.5, "least": 0.5, "greatest": 0.5}, "imbalance": 1.5, "slowestRank": 1,
            "criticalPathSeconds": 0.25, "predictedSeconds": 1, "predictedCriticalPathSeconds": 0.5,
            "ranks": [{"rank": 0, "host": "a", "seconds": {"mlp": 0.1, "rest": 0}, "waitSeconds": 0.4},
                      {"rank": 1, "host": "b", "seconds": {"mlp": 0.4, "rest": 0.1}, "waitSeconds": 0}]
            """
        let row = try #require(try report(["ranks-2-shares-3:1.json": run(rate: 2, more: more)]).rows.first)
        #expect(row.phaseSecondsPerToken == ["mlp": 0.25, "rest": 0.05, "wait": 0.2])
        #expect(row.speedUp == nil && row.imbalance == 1.5 && row.slowestRank == 1)
        #expect(row.criticalPathSecondsPerToken == 0.25 && row.predictedSecondsPerToken == 1)
        #expect(row.predictedCriticalPathSecondsPerToken == 0.5)
    }

    /// The second round runs on a machine half as fast, and one of its runs fails.
    @Test func roundsAreHeldAgainstTheirOwnBase() throws {
        let predicted = { (seconds: Double) in ", \"criticalPathSeconds\": \(seconds), \"predictedSeconds\": 0.25" }
        let report = try report([
            "ranks-1-equal.json": run(rate: 8), "ranks-1-equal-round-2.json": run(rate: 4),
            "ranks-1-equal-round-10.json": run(rate: 6), "ranks-2-equal.json": run(rate: 12, more: predicted(0.5)),
            "ranks-2-equal-round-2.json": run(rate: 8, more: predicted(1)),
            "ranks-2-equal-round-10.json": run(rate: 15, more: predicted(0.75)),
            "ranks-2-shares-3:1-round-2.json": run(rate: 6), "ranks-2-shares-3:1.error": "no",
            "ranks-2-shares-3:1-round-0.json": run(rate: 99),
        ])
        #expect(report.rows.map(\.rounds) == [3, 3, 1, 0])
        #expect(report.rows.map(\.message) == [nil, nil, nil, "no"])
        #expect(report.rows.map { $0.tokensPerSecond?.median } == [6, 12, 6, nil])
        #expect(report.rows.map { $0.tokensPerSecond?.least } == [3, 7, 5, nil])
        #expect(report.rows.map { $0.tokensPerSecond?.greatest } == [9, 16, 7, nil])
        #expect(report.rows.map(\.speedUps) == [[1, 1, 1], [1.5, 2, 2.5], [1.5], []])
        #expect(report.rows.map(\.speedUp) == [1, 2, 1.5, nil])
        #expect(report.rows[1].secondsPerToken == 1.0 / 12 && report.rows[1].phaseSecondsPerToken["mlp"] == 0.0625)
        #expect(report.rows[1].criticalPathSecondsPerToken == 0.75)
        #expect(report.rows[1].predictedSecondsPerToken == 0.25)
        let lines = report.csv.components(separatedBy: "\r\n")
        #expect(lines[0].contains(",threads,rounds,test,"))
        #expect(lines[2].contains(",3,decoding,12.0,7.0,16.0,2.0,1.5,2.5,"))
    }

    @Test func aFailureIsARowUnlessTheRunIsThere() throws {
        let report = try report([
            "ranks-1-equal.json": run(rate: 4), "ranks-1-equal.error": "old", "ranks-2-equal.error": "a, b\n",
        ])
        #expect(report.rows.map(\.message) == [nil, "a, b"])
        #expect(report.csv.components(separatedBy: "\r\n")[2].hasSuffix(",\"a, b\""))
        let counts = report.csv.replacing("\"a, b\"", with: "").replacing("\"<m> & \"\"n\"\"\"", with: "")
            .components(separatedBy: "\r\n").dropLast().map { $0.components(separatedBy: ",").count }
        #expect(Set(counts).count == 1)
    }

    @Test func whatIsNoRunIsNamed() throws {
        #expect(throws: MeasureError.self) { try report([:]) }
        let error = #expect(throws: MeasureError.self) { try report(["ranks-1-equal.json": "{\"model\": 1"]) }
        #expect(error?.description.contains("ranks-1-equal.json: expected what 'bench --json' prints") == true)
    }

    @Test func thePageSaysWhatUsersNamedAndNoMore() throws {
        let report = try report(["ranks-1-equal.json": run(rate: 4), "ranks-2-equal.error": "<b>&"])
        do {
            let page = try report.page()
            #expect(page.contains("&lt;m&gt; &amp; &quot;n&quot;") && page.contains("&lt;b&gt;&amp;"))
            #expect(!page.contains("<m>") && !page.contains("<b>"))
        } catch MeasureError.noPlots(let found) {
            #expect(found == "no such program")
        }
    }
}
