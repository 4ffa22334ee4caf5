import Blueprint
import Foundation
import Launching
import Partition
import Testing

extension LockstepTests {
    @Suite(.serialized) struct ProbeTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test(arguments: [1, 2, 3]) func aProbeWritesCompleteAndPositiveFigures(ranks: Int) throws {
            let path = folder.path("cluster.json")
            let launch = try lockstep(ranks: ranks, ["probe", "-o", path, "--quick", "--threads", "1"])
            #expect(launch.status == 0, "\(launch.errors)")
            let profile = try JSONDecoder().decode(
                ClusterProfile.self, from: try Data(contentsOf: URL(fileURLWithPath: path)))
            #expect(profile.formatVersion == ClusterProfile.formatVersion)
            #expect(profile.ranks.count == ranks)
            for rank in profile.ranks { expectComplete(rank) }
            let pairs = (0..<ranks).flatMap { from in (from + 1..<ranks).map { [from, $0] } }
            #expect(profile.links.map { [$0.from, $0.to] } == pairs)
            for link in profile.links { expectPositive([link.latencySeconds, link.bytesPerSecond]) }
            let kinds = CollectiveProfile.Operation.allCases
            let counts = (2..<max(2, ranks + 1)).flatMap { count in kinds.map { _ in count } }
            #expect(profile.collectives.map(\.rankCount) == counts)
            for collective in profile.collectives {
                expectPositive([collective.bytesPerSecond] + collective.points.map(\.seconds))
                #expect(collective.latencySeconds >= 0 && collective.fitError.isFinite)
                #expect(collective.points.first?.byteCount == 4096 && collective.points.last?.byteCount == 4 << 20)
                expectPositive(collective.computedPoints?.map(\.seconds) ?? [])
            }
            // Where ranks take turns on cores, there is what ranks with cores of their own would take.
            let isCrowded = ranks > profile.ranks.reduce(0) { max($0, $1.cores) } && profile.ranks[0].coreShare < 1
            for (number, rank) in profile.ranks.enumerated() {
                #expect(rank.coreMates == nil || rank.coreMates == (0..<ranks).filter { $0 != number })
                #expect(rank.coreMates != nil || !isCrowded)
            }
            for collective in profile.collectives where isCrowded {
                #expect(collective.computedPoints?.map(\.byteCount) == collective.points.map(\.byteCount))
            }
        }

        private func expectComplete(_ rank: RankProfile) {
            #expect(rank.threads == 1 && rank.cores >= 1 && rank.memoryByteCount > 0 && !rank.host.isEmpty)
            let names = ["f32", "f16", "bf16", "q8g32", "q4g32"]
            #expect(rank.products.count == 2 * names.count)
            for name in names {
                #expect(rank.products.filter { $0.encoding == name }.map(\.math.rawValue) == ["precise", "fast"])
            }
            for product in rank.products {
                expectPositive([product.tokenBytesPerSecond, product.chunkOperationsPerSecond])
                #expect(product.tokenSeconds >= 0 && product.chunkSecondsPerByte >= 0)
                #expect(product.chunkSecondsPerResult >= 0 && product.chunkSecondsPerInput >= 0)
            }
            #expect(rank.attention.count == 4)
            for attention in rank.attention {
                expectPositive([attention.tokenBytesPerSecond, attention.chunkOperationsPerSecond])
            }
            expectPositive([rank.readBandwidth, rank.secondsPerElement, rank.coreShare])
            expectPositive(rank.peaks.map(\.operationsPerSecond))
            #expect(rank.peaks.contains { $0.factors == "f32" } && rank.coreShare <= 1)
            #expect(rank.secondsPerLayer >= 0)
        }

        private func expectPositive(_ figures: [Double]) {
            #expect(figures.allSatisfy { $0 > 0 && $0.isFinite }, "\(figures)")
        }

        @Test func aBadPathIsRefusedBeforeAnythingIsMeasured() throws {
            let nowhere = folder.path("none/cluster.json")
            expectFailure(
                try lockstep(ranks: 2, ["probe", "-o", nowhere], limit: 20),
                "\(nowhere): expected a folder that can be written, found none")
            let path = folder.url.path(percentEncoded: false)
            expectFailure(
                try lockstep(["probe", "-o", path], limit: 20),
                "--output: expected the path of a file, found '\(path)'")
        }

        @Test func aRankThatIsMadeSlowWritesTheSameText() throws {
            let arguments = ["generate", "--prompt", "Alice was", "--max-tokens", "12", "--threads", "1"]
            let text = try lockstep(arguments).output
            for slow in [["0=3"], ["0=1.5,1=2"]] {
                let launch = try lockstep(ranks: 2, arguments + ["--emulate-slow"] + slow)
                #expect(launch.status == 0, "\(launch.errors)")
                #expect(launch.output == text)
            }
        }

        @Test(arguments: ["1", "0=", "0=0.5", "-1=2", "0=nan", "0=2,", "x=2"])
        func wrongFactorsAreUsageErrors(value: String) throws {
            let launch = try lockstep(["generate", "--prompt", "a", "--emulate-slow=\(value)"], limit: 20)
            expectFailure(launch, status: 64, "The value '\(value)' is invalid for '--emulate-slow'")
        }

        @Test func aRankThatIsNotThereOrTwiceIsRefused() throws {
            let run = ["generate", "--prompt", "a", "--emulate-slow"]
            expectFailure(
                try lockstep(ranks: 2, run + ["2=3"], limit: 20),
                "--emulate-slow: expected a rank from 0 to 1, found 2")
            expectFailure(
                try lockstep(run + ["0=3,0=2"], limit: 20), status: 64,
                "--emulate-slow: expected one factor for a rank")
        }

        @Test func theFactorIsKeptFromTheFirstPageOfHelp() throws {
            #expect(!(try lockstep(["bench", "--help"]).output.contains("emulate-slow")))
            #expect(try lockstep(["bench", "--help-hidden"]).output.contains("--emulate-slow <rank=factor>"))
        }
    }
}
