import Blueprint
import Foundation
import Launching
import Partition
import Testing

extension LockstepTests {
    /// Plans from what machines were measured to do.
    @Suite(.serialized) struct ClusterPlanTests {
        private let folder: TemporaryFolder
        private let host: String

        init() throws {
            folder = try TemporaryFolder()
            host = try Launch.command(["uname", "-n"]).output.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        /// Writes a profile of ranks on this host that read so many bytes a second.
        private func profile(_ speeds: [Double], change: (inout ClusterProfile) -> Void = { _ in }) throws -> String {
            let ranks = speeds.map { speed in
                RankProfile(
                    host: host, cores: 1, threads: 1, instructionSet: "avx2", memoryByteCount: 1 << 32,
                    readBandwidth: speed,
                    products: [Math.precise, .fast].map { math in
                        ProductProfile(
                            encoding: "bf16", math: math, tokenBytesPerSecond: speed, tokenSeconds: 0,
                            chunkOperationsPerSecond: 4 * speed)
                    },
                    attention: [
                        AttentionProfile(cache: .f16, tokenBytesPerSecond: speed, chunkOperationsPerSecond: speed)
                    ], secondsPerElement: 1e-10, secondsPerLayer: 0)
            }
            var profile = ClusterProfile(
                programVersion: "0.0.0", measured: "2000-01-01T00:00:00Z", ranks: ranks, links: [],
                collectives: CollectiveProfile.Operation.allCases.map {
                    CollectiveProfile(
                        operation: $0, rankCount: 2, latencySeconds: 1e-6, bytesPerSecond: 1e9, fitError: 0, points: [])
                })
            change(&profile)
            let path = folder.path("cluster.json")
            try JSONEncoder().encode(profile).write(to: URL(fileURLWithPath: path))
            return path
        }

        @Test func aPlanFollowsTheSpeedsAndSaysWhatElseThereIs() throws {
            let path = try profile([3e9, 1e9])
            let launch = try lockstep(["plan", "--cluster", path])
            #expect(launch.status == 0, "\(launch.errors)")
            for words in [
                "predicted from the profile, in milliseconds of a token:", "a token at position 511 takes ",
                "a prompt of 256 tokens takes ", "by measured speed ", "equal shares ", "shares by memory ",
                "rank 0 alone ", "a pipeline: rank 0 alone ",
                "- shared out so that the predicted token is the fastest: ",
            ] {
                #expect(launch.output.contains(words), "\(words): \(launch.output)")
            }
            let plan: PlanFigures = try decoded(["plan", "--cluster", path, "--json"])
            let channels = plan.ranks.map { $0.mlpWidth.end - $0.mlpWidth.start }
            #expect(channels[0] > 280 && channels[1] > 80)
            let forecast = try #require(plan.forecast)
            let equal = try #require(forecast.alternatives.first { $0.kind == .equal }?.tokenSeconds)
            #expect(forecast.tokenSeconds < 0.75 * equal)
        }

        @Test func givenSharesAreKeptAndPredicted() throws {
            let plan: PlanFigures = try decoded(
                ["plan", "--cluster", try profile([3e9, 1e9]), "--shares", "1:1", "--json"])
            let equal: PlanFigures = try decoded(["plan", "--shares", "1:1", "--json"])
            #expect(plan.ranks.map(\.mlpWidth.end) == equal.ranks.map(\.mlpWidth.end))
            let alternative = plan.forecast?.alternatives.first { $0.kind == .equal }
            #expect(plan.forecast?.tokenSeconds == alternative?.tokenSeconds)
        }

        /// The third rank is so slow that it gets nothing.
        @Test(arguments: [[], ["--exact"]]) func ranksByMeasuredSpeedWriteTheTextOfOneRank(way: [String]) throws {
            let path = try profile([3e9, 1e9, 1e9]) { profile in
                profile.ranks[2].products = profile.ranks[2].products.map {
                    var slow = $0
                    slow.tokenBytesPerSecond = 1
                    return slow
                }
            }
            let arguments = ["generate", "--prompt", "Alice was", "--max-tokens", "24", "--threads", "1"] + way
            let text = try lockstep(arguments).output
            let launch = try lockstep(ranks: 3, arguments + ["--cluster", path, "--report"])
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(launch.output == text)
            #expect(launch.errors.contains("predicted"), "\(launch.errors)")
            #expect(launch.errors.contains("\(path): it was measured by version 0.0.0, this is "))
            let plan: PlanFigures = try decoded(["plan", "--cluster", path, "--json"] + way)
            #expect(plan.ranks[2].mlpWidth.end == plan.ranks[2].mlpWidth.start)
        }

        /// Rank 0 tells the others how the channels of all experts are cut.
        @Test(arguments: [[], ["--exact"]]) func expertsOfWhichSomeAreCutWriteTheTextOfOneRank(way: [String]) throws {
            let source = Alice.package.appending(
                path: "Tests/EngineTests/Resources/reference/mixtral-a-h72-i82-q6kv3-e5-bf16")
            let model = folder.path("mixtral.h5")
            let imported = try lockstep(["import", source.path(percentEncoded: false), "-o", model])
            try #require(imported.status == 0, "\(imported.errors)")
            let arguments = [
                "generate", "--model", model, "--tokens", "3,1,4,1,5,9,2,6", "--max-tokens", "24", "--threads", "1",
                "--ignore-eos", "--math", "precise",
            ]
            let options = ["--cluster", try profile([4e9, 3e9, 2e9]), "--experts", "mixed"] + way
            let launch = try lockstep(ranks: 3, arguments + options)
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(launch.output == (try lockstep(arguments + way)).output && !launch.output.isEmpty)
            let plan: PlanFigures = try decoded(["plan", model, "--json"] + options)
            var next = 0
            for run in plan.ranks.flatMap({ $0.expertRuns ?? [] }) where run.channels.start < run.channels.end {
                #expect(run.experts.start * 82 + run.channels.start == next)
                next += (run.experts.end - run.experts.start) * (run.channels.end - run.channels.start)
            }
            #expect(next == 5 * 82 && plan.ranks.contains { ($0.expertRuns ?? []).count > 1 })
        }

        @Test func aProfileOfOtherHostsIsRefused() throws {
            let path = try profile([1e9, 1e9]) { $0.ranks[1].host = "elsewhere" }
            expectFailure(
                try lockstep(ranks: 2, ["generate", "--prompt", "a", "--cluster", path], limit: 20),
                "\(path), ranks: expected one more on host \(host), where rank 1 runs, found \(host), elsewhere")
        }

        @Test func aFileThatIsNoProfileIsRefused() throws {
            let path = folder.path("other.json")
            for (text, message) in [
                ("{}", "formatVersion: expected what 'lockstep probe' writes, found no such key"),
                ("no json", "the file: expected what 'lockstep probe' writes, found text that is no JSON"),
            ] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: path))
                expectFailure(
                    try lockstep(["plan", "--cluster", path], limit: 20), "\(path), \(message)")
            }
            let broken = try profile([1e9]) { $0.ranks[0].readBandwidth = 0 }
            expectFailure(
                try lockstep(["plan", "--cluster", broken], limit: 20),
                "\(broken), ranks[0].readBandwidth: expected a number above zero, found 0")
        }
    }
}
