import Engine
import Measure
import Partition
import Testing

@Suite struct ActivityTests {
    /// Four forwards on two ranks of 1 and 2 threads: rank 0 computes 4 s and waits 3, rank 1 computes 6 s and waits 1.
    private func measurement(sharesCores: Bool) -> Measurement {
        let shares = [(2.0, 1.0, 3.0, 4.0, 1), (3.0, 2.0, 1.0, 6.0, 2)]
        return Measurement(
            ranks: shares.enumerated().map { rank, figures in
                Measurement.Rank(
                    host: "host\(rank)", threads: figures.4, sharesCores: sharesCores,
                    seconds: [.attention: figures.0, .mlp: figures.1, .head: 1, .communication: 1],
                    waitSeconds: figures.2, processorSeconds: figures.3)
            }, forwards: 4, collectives: 52, byteCount: 8000, longestComputationSeconds: 5)
    }

    private let planned = Traffic(collectives: 48, byteCount: 8000)

    private func activity(sharesCores: Bool, _ prediction: Prediction? = nil) throws -> Activity {
        try #require(
            Activity(measurement(sharesCores: sharesCores), count: 4, planned: planned, prediction: prediction))
    }

    @Test func figuresAreThoseOfOneForward() throws {
        let activity = try activity(sharesCores: false)
        // 2, 1, 1 and 1 seconds and 3 of waiting, by 4.
        #expect(activity.secondsPerForward == 2)
        #expect(activity.ranks.map(\.waitSeconds) == [0.75, 0.25])
        #expect(activity.ranks[1].seconds[.attention] == 0.75 && activity.ranks[1].cpuSeconds == 1.5)
        #expect(activity.messages == .init(planned: 12, counted: 13))
        #expect(activity.bytes == .init(planned: 2000, counted: 2000))
    }

    @Test func theSlowestRankComputesLongestByTheWallClock() throws {
        let activity = try activity(sharesCores: false)
        // 4 and 6 seconds: 6 over 5.
        #expect(activity.slowestRank == 1 && abs(activity.imbalance - 1.2) < 1e-12)
        #expect(activity.criticalPathSeconds == nil)
    }

    @Test func whereCoresAreSharedProcessorsTimeCounts() throws {
        let activity = try activity(sharesCores: true)
        // 4 seconds on 1 thread, 6 on 2: 4 over 3.5.
        #expect(activity.slowestRank == 0 && abs(activity.imbalance - 4 / 3.5) < 1e-12)
        // 5 seconds of computing and 1 of exchange, by 4.
        #expect(activity.criticalPathSeconds == 1.5)
    }

    @Test func aPredictionGivesTheCriticalPathItsCollectives() throws {
        let rank = Prediction.Rank(seconds: [.communication: 0.5], waitSeconds: 0)
        let prediction = Prediction(
            seconds: 1.6, ranks: [rank, rank], secondsAlone: 1.5, exchangeSecondsAlone: 0.25)
        let activity = try activity(sharesCores: true, prediction)
        // 5 seconds of computing by 4, and the exchange of ranks that share no core.
        #expect(activity.criticalPathSeconds == 1.5 && activity.predictedSeconds == 1.6)
        #expect(activity.predictedCriticalPathSeconds == 1.5)
        let text = activity.text("decoding")
        #expect(text.contains("predicted 1600.000 ms; measured 125.0 % of it"), "\(text)")
        #expect(text.contains("computed, not measured") && text.contains("computed from pairs of ranks"), "\(text)")
        let own = try self.activity(sharesCores: false, prediction)
        #expect(own.criticalPathSeconds == nil && own.predictedCriticalPathSeconds == nil)
    }

    @Test func theTextNamesWhoKeepsTheOthersWaiting() throws {
        let text = try activity(sharesCores: false).text("decoding")
        let start = "decoding: 2000.000 ms a forward; exchanged 2.00 KB in 13.0 messages, planned 2.00 KB in 12.0"
        #expect(text.hasPrefix(start))
        #expect(text.contains("imbalance 1.20 (slowest over mean): the others wait for rank 1 on host1\n"), "\(text)")
        #expect(!text.contains("computed, not measured"))
    }

    @Test func whatWasPredictedOfARankStandsBelowWhatItDid() throws {
        let ranks = [0.25, 0.5].map { Prediction.Rank(seconds: [.mlp: $0], waitSeconds: $0 / 2) }
        let prediction = Prediction(seconds: 1, ranks: ranks, secondsAlone: 1, exchangeSecondsAlone: 0)
        let activity = try activity(sharesCores: false, prediction)
        #expect(activity.ranks.map(\.predicted) == ranks)
        let rows = activity.text("decoding").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.contains(["1", "predicted", "0.000", "500.000", "0.000", "0.000", "0.000", "250.000"]), "\(rows)")
    }

    @Test func withoutAForwardThereIsNoActivity() {
        #expect(Activity(measurement(sharesCores: false), count: 0, planned: planned) == nil)
    }
}
