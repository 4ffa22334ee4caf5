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

    private func critical(_ seconds: Double, predicted: Double, imbalance: Double = 1) -> String {
        """
        , "imbalance": \(imbalance), "slowestRank": 1, "criticalPathSeconds": \(seconds),
        "predictedSeconds": \(predicted), "predictedCriticalPathSeconds": \(predicted / 2)
        """
    }

    /// The machine is not as fast in each round, and some runs fail.
    @Test func roundsAreHeldAgainstTheirOwnBase() throws {
        let report = try report([
            "ranks-1-equal.json": run(rate: 8), "ranks-1-equal-round-2.json": run(rate: 4),
            "ranks-1-equal-round-10.json": run(rate: 5),
            "ranks-2-equal.json": run(rate: 16, more: critical(0.0625, predicted: 0.125)),
            "ranks-2-equal-round-2.json": run(rate: 6, more: critical(0.5, predicted: 0.25)),
            "ranks-2-equal-round-10.json": run(rate: 12.5, more: critical(0.1, predicted: 0.5, imbalance: 1.5)),
            "ranks-2-shares-3:1-round-2.json": run(rate: 6), "ranks-2-shares-3:1.error": "no",
            "ranks-2-shares-3:1-round-10.error": "none", "ranks-2-shares-1E9:1-round-10.json": run(rate: 20),
            "ranks-2-shares-3:1-round-1.json": run(rate: 99), "ranks-2-shares-3:1-round-0.json": run(rate: 99),
        ])
        #expect(report.rows.map(\.shares) == ["", "", "1E9:1", "3:1", "3:1", "3:1"])
        #expect(report.rows.map(\.rounds) == [3, 3, 1, 1, 0, 0])
        #expect(report.rows.map(\.message) == [nil, nil, nil, nil, "no", "round 10: none"])
        #expect(report.rows.map { $0.tokensPerSecond?.median } == [5, 12.5, 20, 6, nil, nil])
        #expect(report.rows.map { $0.tokensPerSecond?.least } == [3, 5, 19, 5, nil, nil])
        #expect(report.rows.map { $0.tokensPerSecond?.greatest } == [9, 17, 21, 7, nil, nil])
        #expect(report.rows.map(\.speedUps) == [[1, 1, 1], [2, 1.5, 2.5], [4], [1.5], [], []])
        #expect(report.rows.map(\.speedUp) == [1, 2, 4, 1.5, nil, nil])

        // Round 10 has the median speed.
        let row = report.rows[1]
        #expect(row.secondsPerToken == 0.08 && row.phaseSecondsPerToken["mlp"] == 0.08 * 0.75)
        #expect(row.imbalance == 1.5 && row.slowestRank == 1)
        #expect(row.criticalPathSecondsPerToken == 0.1 && row.criticalPathSpeedUp == 2)
        #expect(row.predictedSecondsPerToken == 0.25 && row.predictedCriticalPathSecondsPerToken == 0.125)

        let lines = report.csv.components(separatedBy: "\r\n")
        #expect(lines[0].contains(",threads,rounds,test,"))
        #expect(lines[2].contains(",3,decoding,12.5,5.0,17.0,2.0,1.5,2.5,0.08,"))
    }

    @Test func ofAnEvenNumberOfRoundsTheSlowerOfTheMiddleTwoCounts() throws {
        let report = try report([
            "ranks-1-equal.json": run(rate: 8), "ranks-1-equal-round-2.error": "no",
            "ranks-2-equal.json": run(rate: 16, more: critical(0.0625, predicted: 0.125)),
            "ranks-2-equal-round-2.json": run(rate: 4, more: critical(0.25, predicted: 0.5)),
        ])
        #expect(report.rows.map(\.rounds) == [1, 0, 2])
        let row = report.rows[2]
        #expect(row.tokensPerSecond?.median == 4 && row.secondsPerToken == 0.25)
        #expect(row.criticalPathSecondsPerToken == 0.25 && row.predictedSecondsPerToken == 0.5)
        // In the second round there is nothing that the speed could be held against.
        #expect(row.speedUps == [2] && row.criticalPathSpeedUp == 2)
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
