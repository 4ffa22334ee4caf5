import Blueprint
import Compute
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
                readBandwidth: 23_456_789_012.3, readSpread: 0.075,
                peaks: [PeakProfile(factors: "int8", operationsPerSecond: 4e11, spread: 0.02)],
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
                "attention", "coreShare", "cores", "host", "instructionSet", "memoryByteCount", "peaks", "products",
                "readBandwidth", "readSpread", "secondsPerElement", "secondsPerLayer", "threads",
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

    @Test func collectivesThatWereComputedAreSaidToBe() throws {
        #expect(!Self.profile.text.contains("computed"))
        var profile = Self.profile
        profile.collectives[0].computedPoints = [.init(byteCount: 4096, seconds: 3.21e-5)]
        let table = "operation  ranks  4 KiB\nallReduce  2      32.1\n"
        #expect(profile.text.hasSuffix("computed from pairs that do not\n" + table), "\(profile.text)")
        #expect(try JSONDecoder().decode(ClusterProfile.self, from: try profile.json) == profile)
    }

    /// Readings of both ranks and peaks of both, once.
    private func departures(_ readings: [Double], _ peaks: [Double] = [4e11, 4e11]) -> [String] {
        Self.profile.departures(readings: [readings], peaks: [peaks.map { [.int8: $0, .f32: 1] }])
    }

    @Test func machinesAsTheyWereAreNoDeparture() {
        // 23.5 GB/s, and twice 7.5 % of it; 400 Gop/s, and a tenth of it, which is more than twice their spread.
        #expect(departures([20.2e9, 26.8e9], [3.7e11, 4.3e11]) == [])
    }

    @Test func theRankThatDiffersMostIsNamedWithBothFigures() {
        let line = "rank 1 on laptop reads 17.0 GB/s, and did 23.5 (give or take 7.5 %) when it was measured, "
            + "so predictions are off"
        #expect(departures([19e9, 17e9]) == [line])
        #expect(departures([40e9, 23e9])[0].hasPrefix("rank 0 on tower reads 40.0 GB/s, and did 23.5"))
        let computes = "rank 0 on tower computes 350.0 Gop/s at best, and did 400.0 (give or take 2.0 %)"
        #expect(departures([23e9, 23e9], [3.5e11, 4e11])[0].hasPrefix(computes))
    }

    @Test func theMedianOfReadingsCounts() {
        let readings = [[23e9, 23e9], [9e9, 23e9], [24e9, 23e9]]
        #expect(Self.profile.departures(readings: readings, peaks: []) == [])
    }
}
