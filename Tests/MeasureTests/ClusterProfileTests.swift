import Blueprint
import Foundation
import Partition
import Testing

import Measure

@Suite struct ClusterProfileTests {
    private static let profile = ClusterProfile(
        programVersion: "1.2.3", measured: "2000-01-01T00:00:00Z",
        ranks: ["tower", "laptop"].map { host in
            RankProfile(
                host: host, cores: 8, threads: 4, instructionSet: "avx2", memoryByteCount: 12_345_678_901,
                readBandwidth: 23_456_789_012.3,
                products: [
                    ProductProfile(
                        encoding: "q4g32", math: .fast, tokenBytesPerSecond: 2e10, tokenSeconds: 1.23456e-6,
                        chunkOperationsPerSecond: 1e11)
                ],
                attention: [AttentionProfile(cache: .f16, tokenBytesPerSecond: 1e10, chunkOperationsPerSecond: 5e10)],
                secondsPerElement: 1e-10, secondsPerLayer: 1e-6)
        }, links: [LinkProfile(from: 0, to: 1, latencySeconds: 3e-5, bytesPerSecond: 1.1e8)],
        collectives: [
            CollectiveProfile(
                operation: .allReduce, rankCount: 2, latencySeconds: 4e-5, bytesPerSecond: 1e8, fitError: 0.05,
                points: [.init(byteCount: 4096, seconds: 8e-5)])
        ])

    @Test func aProfileIsReadAsItWasWritten() throws {
        let read = try JSONDecoder().decode(ClusterProfile.self, from: try Self.profile.json)
        #expect(read == Self.profile)
    }

    @Test func theKeysAreThoseThatAreDocumented() throws {
        let object = try JSONSerialization.jsonObject(with: try Self.profile.json) as? [String: Any]
        #expect(
            object?.keys.sorted()
                == ["collectives", "formatVersion", "links", "measured", "programVersion", "ranks"])
        #expect(object?["formatVersion"] as? Int == ClusterProfile.formatVersion)
        let rank = (object?["ranks"] as? [[String: Any]])?.first
        #expect(
            rank?.keys.sorted() == [
                "attention", "cores", "host", "instructionSet", "memoryByteCount", "products", "readBandwidth",
                "secondsPerElement", "secondsPerLayer", "threads",
            ])
    }

    @Test func figuresHaveFourDigits() {
        let rank = Self.profile.rounded.ranks[0]
        #expect(rank.readBandwidth == 23_460_000_000)
        #expect(rank.products[0].tokenSeconds == 1.235e-6)
        #expect(rank.memoryByteCount == 12_345_678_901)
    }

    @Test func thePeoplesTableNamesEveryRankAndLink() {
        let text = Self.profile.text
        for words in ["0     tower   4 of 8", "1     laptop  4 of 8", "0-1", "allReduce", "5.0 %"] {
            #expect(text.contains(words), "\(text)")
        }
    }
}
