import Compute
import Engine
import Foundation
import Measure
import Partition
import Testing

@Suite struct BenchmarkReportTests {
    @Test func theMedianLiesBetweenTheMiddleTwo() {
        let odd = BenchmarkReport.Spread([5, 1, 3])
        #expect(odd.median == 3 && odd.least == 1 && odd.greatest == 5)
        #expect(BenchmarkReport.Spread([4, 1, 2, 8]).median == 3)
        #expect(BenchmarkReport.Spread([7]).median == 7)
    }

    /// Three repetitions of four forwards of two tokens: 8 tokens in 0.5, 0.4 and 1 seconds.
    private func test(
        readings: [Double], peak: Double, prediction: TimedPrediction? = nil
    ) -> BenchmarkReport.Test {
        let timings = [[0.1, 0.1, 0.1, 0.2], [0.1, 0.1, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1]].map { seconds in
            let rank = Measurement.Rank(
                host: "a", threads: 1, sharesCores: false, seconds: [.attention: 0.1, .mlp: 0.2, .rest: 0.1],
                waitSeconds: 0, processorSeconds: 0.4)
            return Session.Timing(
                seconds: seconds,
                measurement: Measurement(
                    ranks: [rank], forwards: 4, collectives: 8, byteCount: 400, longestComputationSeconds: 0.4))
        }
        return BenchmarkReport.Test(
            name: "batch of 2", batch: 2, firstPosition: 10, tokens: 8,
            work: Work(weightByteCount: 30_000, cacheByteCount: 2000, operationCount: 640_000), timings: timings,
            readings: readings, peak: peak, planned: Traffic(collectives: 8, byteCount: 400), prediction: prediction)
    }

    @Test func whatTheRanksOfAHostReadIsOfOneMoment() {
        func machines(_ readings: [Double], _ peaks: [Double]) -> [Machine] {
            zip(["a", "a", "b"], zip(readings, peaks)).map { host, figures in
                Machine(
                    host: host, threads: 1, instructionSet: "avx2", readBandwidth: figures.0, peaks: [.f32: figures.1])
            }
        }
        let (before, after) = (machines([9, 5, 4], [3, 4, 1]), machines([7, 8, 3], [5, 2, 1]))
        for best in [Machine.best(before, after), Machine.best(after, before)] {
            #expect(best.map(\.readBandwidth) == [7, 8, 4])
            #expect(best.map(\.peaks) == [[.f32: 5], [.f32: 4], [.f32: 1]])
        }
        let readings: [[Double]] = [[1, 9, 5], [2, 2, 6], [3, 3, 4]]
        #expect(Machine.ordered(readings, hosts: ["a", "a", "b"]) == [[2, 2, 4], [3, 3, 5], [1, 9, 6]])
    }

    @Test func bothPredictionsAreKept() {
        func prediction(_ seconds: Double) -> Prediction {
            Prediction(
                seconds: seconds, ranks: [.init(seconds: [.mlp: seconds], waitSeconds: 0)], secondsAlone: seconds,
                exchangeSecondsAlone: 0)
        }
        let test = test(
            readings: [1, 1, 1], peak: 1,
            prediction: TimedPrediction(byProfile: prediction(0.1), atPace: prediction(0.125)))
        #expect(test.predictedSeconds == 0.1 && test.predictedSecondsAtPace == 0.125)
        // No rank shares a core.
        #expect(test.predictedCriticalPathSecondsAtPace == nil)
        #expect(self.test(readings: [], peak: 0).predictedSecondsAtPace == nil)
    }

    @Test func ratesAreThoseOfTheMedianRepetition() throws {
        let test = test(readings: [128_000, 100_000, 64_000], peak: 5_120_000)
        // 8 tokens in half a second.
        #expect(abs(test.tokensPerSecond.median - 16) < 1e-9)
        #expect(abs(test.tokensPerSecond.least - 8) < 1e-9)
        #expect(abs(test.tokensPerSecond.greatest - 20) < 1e-9)
        #expect(test.bytesPerToken == 4000)
        #expect(abs(test.bytesPerSecond - 64_000) < 1e-6)
        // 64, 80 and 32 thousand bytes a second of what was read around them: a half, four fifths and a half.
        #expect(abs(try #require(test.shareOfReading) - 0.5) < 1e-9)
        #expect(abs(test.operationsPerSecond - 1_280_000) < 1e-3)
        #expect(abs(try #require(test.shareOfPeak) - 0.25) < 1e-9)
    }

    @Test func phasesArePartsOfAllTime() {
        let phases = test(readings: [1, 1, 1], peak: 1).phases
        #expect(abs((phases["mlp"] ?? 0) - 0.5) < 1e-9)
        #expect(abs((phases["attention"] ?? 0) - 0.25) < 1e-9)
        #expect(phases["communication"] == 0)
        #expect(phases.count == 5)
    }

    @Test func aForwardIsAPartOfItsRepetition() {
        let test = test(readings: [], peak: 0)
        #expect(abs(test.secondsPerForward.median - 0.125) < 1e-9)
        #expect(abs(test.secondsPerForward.greatest - 0.25) < 1e-9)
        #expect(abs((test.ranks[0].seconds[.mlp] ?? 0) - 0.05) < 1e-9)
        #expect(test.messages == .init(planned: 2, counted: 2) && test.bytes == .init(planned: 100, counted: 100))
        #expect(test.criticalPathSeconds == nil && test.imbalance == 1)
    }

    @Test func aLimitThatIsNotKnownGivesNoShare() {
        let test = test(readings: [], peak: 0)
        #expect(test.shareOfReading == nil && test.shareOfPeak == nil)
    }

    @Test(arguments: [("precise", 1e-6, 2e-5), ("fast", 5e-3, 2e-2)])
    func productsFurtherFromExactOnesThanRoundingExplainsAreRefused(math: String, sound: Double, wrong: Double) throws {
        func check(_ error: Double) throws {
            let text = """
                [{"encoding": "q8", "math": "precise", "error": {"meanSquare": 1e-7, "largest": 1e-6}},
                {"encoding": "q4", "math": "\(math)", "error": {"meanSquare": \(error), "largest": 0.1}}]
                """
            try Benchmark.check(JSONDecoder().decode([EncodingError].self, from: Data(text.utf8)))
        }
        try check(sound)
        let error = try #require(throws: MeasureError.self) { try check(wrong) }
        #expect(error.description.contains("expected \(math) products with q4 weights"), "\(error)")
    }

    @Test func fieldsOfATableAreQuotedWhereTheyMust() throws {
        var report = try JSONDecoder().decode(BenchmarkReport.self, from: Data(Self.report.utf8))
        report.model = "a \"fast\", small\nmodel"
        let lines = report.csv.components(separatedBy: "\r\n")
        #expect(lines.count == 3 && lines[2].isEmpty)
        let names = lines[0].split(separator: ",")
        #expect(lines[1].hasPrefix("\"a \"\"fast\"\", small\nmodel\",1000,bf16 f32,f32,sum,2,1 2,"))
        let rest = lines[1].dropFirst("\"a \"\"fast\"\", small\nmodel\"".count)
        #expect(rest.split(separator: ",", omittingEmptySubsequences: false).count == names.count)
    }

    @Test func machinesAddUp() throws {
        let report = try JSONDecoder().decode(BenchmarkReport.self, from: Data(Self.report.utf8))
        #expect(report.reading == 30e9)
        #expect(report.peak == 300e9)
        let lines = report.markdown.split(separator: "\n")
        #expect(lines.contains { $0.contains("reading 30.0 GB/s") && $0.contains("f32 300.0, bf16 -, int8 3.0") })
        #expect(lines.contains { $0.hasSuffix("bf16 fast 2.0e-03 (largest 1.0e-02)") })
        #expect(lines.contains { $0.hasPrefix("2 ranks x 1 to 2 threads on a (avx2), b (portable)") })
        let columns = lines.filter { $0.hasPrefix("|") }.map { $0.split(separator: "|").count }
        #expect(columns.count == 3 && Set(columns).count == 1)
    }

    @Test func aReportIsWhatItsJSONSays() throws {
        let report = try JSONDecoder().decode(BenchmarkReport.self, from: Data(Self.report.utf8))
        let again = try JSONDecoder().decode(BenchmarkReport.self, from: try JSONEncoder().encode(report))
        #expect(again == report)
    }

    private static let report = """
        {"model": "m", "parameterCount": 1000, "byteCounts": {"f32": 100, "bf16": 2000}, "way": "sum",
         "machines": [
           {"host": "a", "threads": 1, "instructionSet": "avx2", "readBandwidth": 1e10,
            "peaks": {"f32": 1e11, "bf16": 1e11, "int8": 1e9}},
           {"host": "b", "threads": 2, "instructionSet": "portable", "readBandwidth": 2e10,
            "peaks": {"f32": 2e11, "bf16": 0, "int8": 2e9}}],
         "factors": "f32",
         "errors": [{"encoding": "bf16", "math": "fast", "error": {"meanSquare": 0.002, "largest": 0.01}}],
         "check": {"tokens": 24, "difference": 1e-6, "tolerance": 1e-4, "isFinite": true, "ranksAgree": true},
         "tests": [
           {"name": "decoding", "batch": 1, "firstPosition": 8, "tokens": 16,
            "tokensPerSecond": {"median": 2, "least": 1, "greatest": 3}, "bytesPerToken": 2100,
            "bytesPerSecond": 4200, "operationsPerSecond": 4000, "shareOfPeak": 0.1,
            "phases": {"attention": 0.5, "mlp": 0.5},
            "secondsPerForward": {"median": 0.5, "least": 0.3, "greatest": 1},
            "ranks": [{"rank": 0, "host": "a", "threads": 1, "seconds": {"attention": 0.25, "mlp": 0.25},
                       "waitSeconds": 0, "cpuSeconds": 0.5}],
            "sharesCores": false, "imbalance": 1, "slowestRank": 0, "messages": {"planned": 13, "counted": 13},
            "bytes": {"planned": 7096, "counted": 7096}}]}
        """
}

@Suite struct OutputCheckTests {
    private func check(_ together: [Float], _ oneByOne: [Float], ranksAgree: Bool = true) -> OutputCheck {
        OutputCheck(together: together, oneByOne: oneByOne, tokens: 1, ranksAgree: ranksAgree, tolerance: 0.1)
    }

    @Test func differencesAreInUnitsOfTheSpread() {
        // Values of variance 4 about 3.
        let check = check([1, 5, 1, 5.1], [1, 5, 1, 5])
        #expect(abs(check.difference - 0.05) < 1e-6)
        #expect(check.passes)
    }

    /// Rounding may change a token or two, a wrong kernel all.
    @Test func ofModelsThatAmplifyRoundingTheMedianTokenCounts() {
        func check(_ together: [Float], ofMedianToken: Bool) -> OutputCheck {
            OutputCheck(
                together: together, oneByOne: [1, 5, 1, 5, 1, 5], tokens: 3, ranksAgree: true, tolerance: 0.1,
                ofMedianToken: ofMedianToken)
        }
        let changed: [Float] = [1, 5.1, 7, 2, 1, 5]
        #expect(abs(check(changed, ofMedianToken: true).difference - 0.05) < 1e-6)
        #expect(check(changed, ofMedianToken: true).passes && !check(changed, ofMedianToken: false).passes)
        #expect(!check([1, 5.1, 7, 2, 1.3, 5], ofMedianToken: true).passes)
    }

    @Test func whatDiffersTooMuchDoesNotPass() {
        #expect(!check([1, 5, 1, 5.3], [1, 5, 1, 5]).passes)
        #expect(!check([1, .nan], [1, 5]).passes)
        #expect(!check([1, .infinity], [1, .infinity]).passes)
        #expect(!check([1, 5], [1, 5], ranksAgree: false).passes)
        #expect(!check([1], [1, 5]).passes)
        #expect(!check([], []).passes)
        #expect(check([1, 5], [1, 5]).passes)
    }
}
