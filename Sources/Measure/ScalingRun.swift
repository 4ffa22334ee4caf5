import Foundation

/// What a scaling experiment reads of a benchmark's JSON.
struct ScalingRun: Sendable, Decodable {
    /// What a rank runs on.
    struct Machine: Sendable, Decodable {
        var host: String
        var threads: Int
    }

    /// What a rank did in a forward.
    struct Rank: Sendable, Decodable {
        /// Seconds of each phase; communication without waiting.
        var seconds: [String: Double]
        var waitSeconds: Double
    }

    /// One kind of forward; what is optional is known to some runs only.
    struct Test: Sendable, Decodable {
        var name: String
        var batch: Int
        var tokensPerSecond: BenchmarkReport.Spread
        /// The part of rank 0's time that each phase took, communication with waiting.
        var phases: [String: Double]
        var secondsPerForward: BenchmarkReport.Spread?
        var ranks: [Rank]?
        var imbalance: Double?
        var slowestRank: Int?
        var criticalPathSeconds: Double?
        var predictedSeconds: Double?
        var predictedCriticalPathSeconds: Double?
    }

    var model: String
    var parameterCount: Int
    var byteCounts: [String: Int]
    var machines: [Machine]
    var tests: [Test]

    /// Reads the file of a run.
    ///
    /// - Throws: ``MeasureError`` where it cannot be read or is not complete.
    init(path: String) throws(MeasureError) {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            self = try decoder.decode(Self.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch let error as DecodingError {
            throw .badRun(path: path, found: Self.text(error))
        } catch {
            throw .badRun(path: path, found: "'\(error.localizedDescription)'")
        }
        guard !tests.isEmpty, tests.allSatisfy({ $0.isSound }) else {
            throw .badRun(path: path, found: "no test, or one without a speed above zero")
        }
    }

    /// What was measured of one kind of forward.
    func test(_ name: String) -> Test? { tests.first { $0.name == name } }

    private static func text(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "no '\(key.stringValue)'"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "something else as '\(context.codingPath.map(\.stringValue).joined(separator: "."))'"
        case .dataCorrupted: "no complete JSON"
        @unknown default: "something else"
        }
    }
}

extension ScalingRun.Test {
    fileprivate var isSound: Bool { tokensPerSecond.median.isFinite && tokensPerSecond.median > 0 && batch > 0 }

    /// Seconds for a token.
    var secondsPerToken: Double { 1 / tokensPerSecond.median }

    /// Turns seconds of a forward into those of a token.
    func perToken(_ seconds: Double) -> Double {
        secondsPerForward.map { seconds / $0.median * secondsPerToken } ?? seconds / Double(batch)
    }

    /// Seconds for a token of each phase, the mean over the ranks and with `wait` apart; where ranks are not known,
    /// those of rank 0.
    var phaseSeconds: [String: Double] {
        guard let ranks, !ranks.isEmpty else { return phases.mapValues { $0 * secondsPerToken } }
        var sums: [String: Double] = [:]
        for rank in ranks {
            sums.merge(rank.seconds) { $0 + $1 }
            sums["wait", default: 0] += rank.waitSeconds
        }
        return sums.mapValues { perToken($0 / Double(ranks.count)) }
    }
}
