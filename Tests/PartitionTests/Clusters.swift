import Blueprint
import Partition

/// Profiles for tests.
enum Clusters {
    /// A rank that reads so many bytes a second and computes as many operations.
    static func rank(
        _ speed: Double, memory: Int = 1 << 50, callSeconds: Double = 1e-6, host: String = "host"
    ) -> RankProfile {
        RankProfile(
            host: host, cores: 1, threads: 1, instructionSet: "portable", memoryByteCount: memory,
            readBandwidth: speed,
            products: ["f32", "bf16", "q8g32", "q4g32"].map { name in
                ProductProfile(
                    encoding: name, math: .precise, tokenBytesPerSecond: speed, tokenSeconds: callSeconds,
                    chunkOperationsPerSecond: 10 * speed)
            },
            attention: [
                AttentionProfile(cache: .f32, tokenBytesPerSecond: speed / 2, chunkOperationsPerSecond: speed)
            ], secondsPerElement: 1 / speed, secondsPerLayer: 1e-6)
    }

    /// Ranks with a network between them.
    static func profile(_ ranks: [RankProfile], latency: Double = 1e-5, bandwidth: Double = 1e9) -> ClusterProfile {
        ClusterProfile(
            programVersion: "1", measured: "2000-01-01T00:00:00Z", ranks: ranks,
            links: ranks.indices.flatMap { from in
                (from + 1..<max(from + 1, ranks.count)).map {
                    LinkProfile(from: from, to: $0, latencySeconds: latency, bytesPerSecond: bandwidth)
                }
            },
            collectives: CollectiveProfile.Operation.allCases.flatMap { operation in
                (2..<max(3, ranks.count + 1)).map {
                    CollectiveProfile(
                        operation: operation, rankCount: $0, latencySeconds: latency * Double($0),
                        bytesPerSecond: bandwidth, fitError: 0, points: [])
                }
            })
    }

    /// Ranks of unlike speeds, of one to `most`.
    static func random(_ random: inout Random, most: Int) -> ClusterProfile {
        let count = random.next(in: 1...most)
        return profile(
            (0..<count).map { _ in
                var rank = rank(Double(random.next(in: 10...80)) * 1e6)
                rank.stageVariation = Double(random.next(in: 0...8)) / 100
                return rank
            })
    }
}
