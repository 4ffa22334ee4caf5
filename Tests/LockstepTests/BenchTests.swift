import Foundation
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct BenchTests {
        private struct Report: Decodable {
            struct Check: Decodable {
                var tokens: Int
                var difference: Double
                var ranksAgree: Bool
            }

            struct Machine: Decodable {
                var threads: Int
                var instructionSet: String
                var readBandwidth: Double
                var peaks: [String: Double]
            }

            struct Test: Decodable {
                struct Spread: Decodable {
                    var median: Double
                    var least: Double
                    var greatest: Double
                }

                var name: String
                var tokens: Int
                var tokensPerSecond: Spread
                struct Count: Decodable {
                    var planned: Double
                    var counted: Double
                }

                var bytesPerToken: Double
                var expertBytes: Count?
                var phases: [String: Double]
                var predictedSeconds: Double?
                var predictedSecondsAtPace: Double?
            }

            struct Loading: Decodable {
                var seconds: Double
                var byteCounts: [Int]
                var bytesPerSecond: Double
            }

            var model: String
            var loading: Loading?
            var parameterCount: Int
            var byteCounts: [String: Int]
            var check: Check
            var machines: [Machine]
            var tests: [Test]
        }

        private static let tiny = [
            "bench", "--shape", "llama-tiny", "--prompt", "12", "--generate", "5", "--batch", "1,3", "--repeat", "2",
            "--threads", "1",
        ]

        /// Of 128 experts a token reads eight, whoever holds what: 2 layers, 3 matrices of 32 x 64 bf16 numbers.
        @Test(
            arguments: [
                ("1", "inside"), ("1", "mixed"), ("1:1:1", "inside"), ("1:1:1", "whole"), ("1:1:1", "mixed"),
                ("50:50:1", "mixed"),
            ])
        func aDecodedTokenReadsTheExpertsThatItChooses(shares: String, cut: String) throws {
            let report: Report = try decoded(
                ranks: shares.split(separator: ":").count,
                [
                    "bench", "--shape", "moe-tiny", "--prompt", "12", "--generate", "5", "--repeat", "1", "--threads",
                    "1", "--shares", shares, "--experts", cut, "--json",
                ])
            let decoding = try #require(report.tests.last?.expertBytes)
            #expect(abs(decoding.planned / decoding.counted - 1) < 0.02)
            // Rows of a third of 32 columns lie as far apart as longer ones. With the last shares two experts are cut.
            let exact = 2.0 * 8 * 3 * 32 * 64 * 2
            switch (shares, cut) {
            case ("1:1:1", "inside"): #expect(decoding.counted > exact)
            case ("50:50:1", _):
                #expect(decoding.counted >= exact && decoding.counted <= 1.02 * decoding.planned)
                #expect(decoding.planned <= 1.02 * exact)
            default: #expect(decoding.counted == exact)
            }
            // Of a prompt's choices many are the same.
            let prompt = try #require(report.tests.first?.expertBytes)
            #expect(prompt.counted > decoding.counted && prompt.counted <= 12 * decoding.counted)
        }

        /// Few tokens may be rounded otherwise than many, which gives some of them other experts, or norms of next to
        /// nothing.
        @Test(arguments: ["moe-tiny", "hybrid-tiny"], ["q8", "q4"])
        func whatAmplifiesRoundingIsNotTakenForWrong(shape: String, encoding: String) throws {
            let report: Report = try decoded(
                ranks: 1,
                [
                    "bench", "--shape", shape, "--encoding", encoding, "--prompt", "40", "--generate", "3",
                    "--repeat", "1", "--threads", "1", "--json",
                ])
            #expect(report.check.ranksAgree && report.check.difference < 0.5)
        }

        /// Heads with states, attention between them, and experts on ranks of unlike shares.
        @Test(arguments: ["hybrid-tiny", "mamba-tiny"]) func shapesWithStatesAreMeasured(shape: String) throws {
            let report: Report = try decoded(
                ranks: 3,
                [
                    "bench", "--shape", shape, "--shares", "5:3:2", "--prompt", "40", "--generate", "3", "--repeat",
                    "1", "--threads", "1", "--json",
                ])
            #expect(report.check.ranksAgree && report.check.difference < 0.2)
            #expect(report.tests.allSatisfy { $0.tokensPerSecond.least > 0 && $0.expertBytes == nil })
        }

        @Test(arguments: [1, 3]) func aTinyShapeIsMeasured(ranks: Int) throws {
            let report: Report = try decoded(ranks: ranks, Self.tiny + ["--json"])
            #expect(report.model == "llama-tiny" && report.parameterCount == 252_384)
            #expect(report.machines.count == ranks && report.loading == nil)
            for machine in report.machines {
                #expect(machine.threads == 1 && machine.readBandwidth > 0 && (machine.peaks["f32"] ?? 0) > 0)
            }
            // As many as the context of 12, 5 and 6 has room for.
            #expect(report.check.tokens == 23 && report.check.difference < 0.2 && report.check.ranksAgree)
            #expect(report.tests.map(\.name) == ["prompt of 12", "decoding", "batch of 3"])
            // Two forwards of three tokens are the least that make five.
            #expect(report.tests.map(\.tokens) == [12, 5, 6])
            for test in report.tests {
                let rate = test.tokensPerSecond
                #expect(rate.least > 0 && rate.least <= rate.median && rate.median <= rate.greatest)
                #expect(abs(test.phases.values.reduce(0, +) - 1) < 1e-6)
                #expect((test.phases["communication"] ?? 0 > 0) == (ranks > 1))
            }
        }

        @Test(arguments: [1, 2, 3]) func aProfilePredictsEveryTest(ranks: Int) throws {
            let folder = try TemporaryFolder()
            defer { withExtendedLifetime(folder) {} }
            let path = folder.path("cluster.json")
            let probe = try lockstep(ranks: ranks, ["probe", "-o", path, "--quick", "--threads", "1"])
            #expect(probe.status == 0, "\(probe.errors)")
            let report: Report = try decoded(ranks: ranks, Self.tiny + ["--cluster", path, "--json"])
            #expect(report.tests.count == 3)
            for test in report.tests {
                #expect(try #require(test.predictedSeconds) > 0 && #require(test.predictedSecondsAtPace) > 0)
            }
            let without: Report = try decoded(ranks: ranks, Self.tiny + ["--json"])
            #expect(without.tests.allSatisfy { $0.predictedSeconds == nil && $0.predictedSecondsAtPace == nil })
        }

        @Test func ranksWithUnlikeProfilesAreRefused() throws {
            let program = Launch.product("lockstep")
            let launch = try Launch.mpirun([
                .init(ranks: 1, program: program, Self.tiny + ["--cluster", "cluster.json"]),
                .init(ranks: 1, program: program, Self.tiny),
            ])
            #expect(launch.status != 0)
            #expect(launch.errors.contains("--cluster: expected the same on all ranks"), "\(launch.errors)")
        }

        @Test(arguments: [
            ("f32", "f32"), ("f16", "f16"), ("q8", "q8g32"), ("q6", "q6g32"), ("q5", "q5g32"), ("q4", "q4g32"),
            ("q2k", "q4g16-nested-offset"), ("q3k", "q4g16-nested"), ("q4k", "q4g32-nested-offset"),
            ("q5k", "q5g32-nested-offset"), ("q6k", "q6g16-nested"),
        ])
        func everyEncodingIsDrawnAndChecked(encoding: String, name: String) throws {
            let report: Report = try decoded(Self.tiny + ["--encoding", encoding, "--exact", "--json"])
            #expect(report.check.difference == 0)
            #expect(report.byteCounts.keys.contains(name), "\(report.byteCounts)")
            let bytes: Report = try decoded(Self.tiny + ["--json"])
            if encoding.hasPrefix("q") { #expect(report.tests[1].bytesPerToken < 0.7 * bytes.tests[1].bytesPerToken) }
        }

        @Test(arguments: [
            ("q8", ["--group", "64"], "q8g64"), ("q4", ["--group", "128", "--scales", "bf16"], "q4g128-bf16"),
            ("q8", ["--offsets"], "q8g32-offset"),
            ("q4", ["--group", "64", "--scales", "bf16", "--offsets"], "q4g64-bf16-offset"),
            ("q6", ["--group", "64", "--scales", "bf16", "--offsets"], "q6g64-bf16-offset"),
        ])
        func groupsAreDrawnAsTheyAreAskedFor(encoding: String, options: [String], name: String) throws {
            let arguments = Self.tiny + ["--encoding", encoding, "--json"] + options
            let report: Report = try decoded(ranks: 2, arguments + ["--exact"])
            #expect(report.check.difference == 0)
            let fast: Report = try decoded(arguments)
            #expect(fast.check.ranksAgree && fast.check.difference < 0.2)
            #expect(fast.byteCounts.keys.contains(name), "\(fast.byteCounts)")
        }

        /// 400 MB of numbers in float32, where less than 300 MB are left.
        @Test func whereRandomWeightsDoNotFitSmallerOnesAreAdvised() throws {
            let run = [
                "bench", "--shape", "llama-100m", "--encoding", "f32", "--prompt", "8", "--generate", "3", "--threads",
                "1",
            ]
            let limit = "ulimit -d 300000; exec \"$0\" \"$@\""
            let launch = try Launch.mpirun([
                Launch.Part(ranks: 1, program: "/bin/sh", ["-c", limit, Launch.product("lockstep")] + run)
            ])
            expectFailure(launch, "rank 0: expected to fit in ")
            #expect(launch.errors.contains("use --encoding q8 or a smaller shape\n"), "\(launch.errors)")
        }

        @Test(arguments: [1, 3]) func loadingIsReportedWhereThereIsAFile(ranks: Int) throws {
            let report: Report = try decoded(
                ranks: ranks,
                ["bench", "--prompt", "8", "--generate", "3", "--repeat", "1", "--threads", "1", "--json"])
            let loading = try #require(report.loading)
            let byteCount = loading.byteCounts.reduce(0, +)
            // Of each weight in bf16 some rank has all, and whoever shares a panel reads it as well.
            #expect(loading.byteCounts.count == ranks && byteCount >= 2 * report.parameterCount)
            #expect(loading.seconds > 0 && loading.bytesPerSecond == Double(byteCount) / loading.seconds)
        }

        @Test func aModelIsMeasuredAsItIs() throws {
            let launch = try lockstep(["bench", "--prompt", "8", "--generate", "3", "--repeat", "1", "--threads", "2"])
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(launch.output.hasPrefix("embedded model: 1 458 720 parameters, "))
            #expect(launch.output.contains("\n1 rank x 2 threads on ") && launch.output.contains(" MB loaded in "))
            let rows = launch.output.split(separator: "\n").filter { $0.hasPrefix("| ") }
            #expect(rows.count == 4)
            #expect(launch.output.contains("\ndecoding: "))
            #expect(Set(rows.map { $0.split(separator: "|").count }).count == 1)
        }

        @Test func aTableOfCommasHasALineForEachTest() throws {
            let launch = try lockstep(Self.tiny + ["--format", "csv"])
            #expect(launch.status == 0, "\(launch.errors)")
            let lines = launch.output.components(separatedBy: "\r\n")
            #expect(lines.count == 5 && lines[4].isEmpty)
            let counts = lines.dropLast().map { $0.split(separator: ",", omittingEmptySubsequences: false).count }
            #expect(Set(counts).count == 1)
            #expect(lines[0].hasPrefix("model,parameters,"))
            #expect(lines[1].hasPrefix("llama-tiny,252384,bf16 f32,"))
        }

        static let wrong: [(options: [String], status: Int32, message: String)] = [
            (["--shape", "llama-2b"], 64, "--shape: expected one of llama-tiny, "),
            (["--shape", "llama-tiny", "--model", "x.h5"], 64, "--model, --shape: expected one of them, found both"),
            (["--encoding", "q4"], 64, "--encoding: expected with --shape"),
            (["--seed", "3"], 64, "--seed: expected with --shape, found without"),
            (["--group", "64", "--encoding", "q4"], 64, "--encoding: expected with --shape, found without"),
            (["--offsets"], 64, "--offsets: expected with --shape, found without"),
            (
                ["--shape", "llama-tiny", "--scales", "bf16"], 64,
                "--scales: expected an encoding in groups, q4, q5, q6 or q8, found none"
            ),
            (
                ["--shape", "llama-tiny", "--encoding", "q4k", "--group", "64"], 64,
                "--group: expected an encoding in groups, q4, q5, q6 or q8, found q4k"
            ),
            (
                ["--shape", "llama-tiny", "--encoding", "q4", "--group", "16"], 64,
                "--group: expected 32, 64 or 128, found 16"
            ),
            (["--json", "--format", "csv"], 64, "--format: expected json with --json, found csv"),
            (["--json", "--format", "markdown"], 64, "--format: expected json with --json, found markdown"),
            (["--batch", "1,0"], 64, "--batch: expected at least 1, found 0"),
            (["--batch", "300"], 64, "--batch: expected at most --chunk, 256, found 300"),
            (["--generate", "\(Int.max)"], 64, "--generate: expected at most 16777216, found \(Int.max)"),
            (["--prompt", "\(Int.max)"], 64, "--prompt: expected at most 16777216, found \(Int.max)"),
            (["--repeat", "\(Int.max)"], 64, "--repeat: expected at most 16777216, found \(Int.max)"),
            (
                ["--chunk", "\(Int.max)", "--batch", "1,\(Int.max)"], 64,
                "--batch: expected at most 16777216, found \(Int.max)"
            ),
            (
                ["--prompt", "16777216", "--batch", "1,2,3"], 1,
                "expected at most 512 tokens, the context, found 16777410"
            ),
            (["--generate", "100000"], 1, "expected at most 512 tokens, the context, found 100001"),
        ]

        @Test(arguments: wrong)
        func whatCannotBeMeasuredIsSaid(options: [String], status: Int32, message: String) throws {
            let launch = try lockstep(["bench"] + options)
            #expect(launch.status == status)
            #expect(launch.errors.occurrences(of: message) == 1, "\(launch.errors)")
            #expect(launch.output.isEmpty)
        }
    }
}
