import Measure
import Partition
import Testing

@Suite struct RoundsTests {
    /// Pairs whose messages take `latency` and their bytes; adding takes as long as bytes again.
    private func rounds(
        latency: Double, coldCacheSeconds: @escaping (CollectiveProfile.Operation, Int) -> Double = { _, _ in 0 }
    ) -> Rounds {
        func pair(_ operation: CollectiveProfile.Operation, perByte: Double) -> CollectiveProfile {
            CollectiveProfile(
                operation: operation, rankCount: 2, latencySeconds: latency, bytesPerSecond: 1 / perByte, fitError: 0,
                points: [])
        }
        // Two ranks gather and scatter halves.
        return Rounds(
            pairs: [
                pair(.allReduce, perByte: 2), pair(.broadcast, perByte: 1), pair(.allGather, perByte: 0.5),
                pair(.reduceScatter, perByte: 1),
            ], coldCacheSeconds: coldCacheSeconds)
    }

    @Test(arguments: [2, 3, 4, 7]) func whatAStageDroveOutOfCachesComesBackOnce(ranks: Int) {
        let added: [CollectiveProfile.Operation: Double] = [
            .allReduce: 5e5, .broadcast: 6e5, .allGather: 7e5, .reduceScatter: 8e5,
        ]
        let warm = rounds(latency: 1e6)
        let cold = rounds(latency: 1e6) { (added[$0] ?? 0) + Double($1) }
        for operation in CollectiveProfile.Operation.allCases {
            func seconds(_ rounds: Rounds) -> Double { rounds.seconds(operation, rankCount: ranks, byteCount: 840) }
            #expect(abs(seconds(cold) - seconds(warm) - (added[operation] ?? 0) - 840) < 1e-3, "\(operation)")
        }
    }

    @Test func twoRanksTakeWhatAPairTakes() {
        let rounds = rounds(latency: 1e6)
        for (operation, bytes) in [
            (CollectiveProfile.Operation.allReduce, 2.0), (.broadcast, 1), (.allGather, 0.5), (.reduceScatter, 1),
        ] { #expect(rounds.seconds(operation, rankCount: 2, byteCount: 1000) == 1e6 + bytes * 1000) }
    }

    @Test func shortSumsDoubleFromRoundToRound() {
        // As many rounds as the power of two, and two messages for ranks beyond it.
        let rounds = rounds(latency: 1e6)
        for (ranks, sums, messages) in [(3, 1, 2), (4, 2, 0), (5, 2, 2), (8, 3, 0), (12, 3, 2)] {
            let seconds = Double(sums) * (1e6 + 2 * 8) + Double(messages) * (1e6 + 8)
            #expect(rounds.seconds(.allReduce, rankCount: ranks, byteCount: 8) == seconds, "\(ranks)")
        }
    }

    @Test func aSumOfTwoThatTakesTwoRoundsIsNotOneRound() {
        func pair(_ operation: CollectiveProfile.Operation, _ seconds: Double) -> CollectiveProfile {
            CollectiveProfile(
                operation: operation, rankCount: 2, latencySeconds: seconds, bytesPerSecond: 1e12, fitError: 0,
                points: [])
        }
        let rounds = Rounds(
            pairs: [pair(.allReduce, 2), pair(.reduceScatter, 1), pair(.allGather, 9), pair(.broadcast, 9)],
            coldCacheSeconds: { _, _ in 0 })
        #expect(abs(rounds.seconds(.allReduce, rankCount: 4, byteCount: 8) - 2) < 1e-6)
    }

    @Test func longSumsMoveEveryByteTwiceAndAddItOnce() {
        // Each rank sends, adds and sends again all parts but its own.
        let rounds = rounds(latency: 0)
        for ranks in [3, 4, 5, 8] {
            let bytes = 840_000.0
            let part = bytes * Double(ranks - 1) / Double(ranks)
            let seconds = rounds.seconds(.allReduce, rankCount: ranks, byteCount: Int(bytes))
            #expect(abs(seconds / part / 3 - 1) < 1e-4, "\(ranks): \(seconds)")
            #expect(abs(rounds.seconds(.allGather, rankCount: ranks, byteCount: Int(bytes)) / part - 1) < 1e-4)
            #expect(abs(rounds.seconds(.reduceScatter, rankCount: ranks, byteCount: Int(bytes)) / part / 2 - 1) < 1e-4)
        }
    }

    @Test func aMessageReachesAllByATreeOrInPieces() {
        let slow = rounds(latency: 1e6)
        for (ranks, levels) in [(2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4)] {
            let seconds = slow.seconds(.broadcast, rankCount: ranks, byteCount: 32)
            #expect(seconds == Double(levels) * (1e6 + 32), "\(ranks)")
        }
        // Pieces of a long one go to all, and round to all: less than twice its bytes instead of three times.
        let seconds = rounds(latency: 0).seconds(.broadcast, rankCount: 8, byteCount: 800_000)
        #expect(abs(seconds - 2 * 700_000) < 10)
    }
}
