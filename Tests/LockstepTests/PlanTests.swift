import Foundation
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct PlanTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test func everyRankHasALineWithItsPart() throws {
            let launch = try lockstep(["plan", "--ranks", "3", "--shares", "5:3:2"])
            #expect(launch.status == 0 && launch.errors.isEmpty)
            let lines = launch.output.split(separator: "\n").map { $0.split(separator: " ").map { String($0) } }
            for (rank, share) in ["50.0", "30.0", "20.0"].enumerated() {
                #expect(lines.contains { $0.starts(with: ["\(rank)", share]) }, "\(launch.output)")
            }
            #expect(launch.output.contains("a decoded token exchanges "))
        }

        @Test func rangesOfAllRanksMakeTheWhole() throws {
            let plan: PlanFigures = try decoded(["plan", "--shares", "5:3:2", "--json"])
            #expect(plan.rankCount == 3 && plan.ranks.count == 3)
            #expect(plan.model.architecture == "LlamaForCausalLM")
            #expect(plan.model.layerCount == 5)
            #expect(plan.context == Alice.context)
            for (part, whole) in [
                (\PlanFigures.Rank.vocabulary, Alice.vocabulary), (\.mlpWidth, 411), (\.queryHeads, 10),
            ] {
                var end = 0
                for rank in plan.ranks where rank[keyPath: part].start < rank[keyPath: part].end {
                    #expect(rank[keyPath: part].start == end)
                    end = rank[keyPath: part].end
                }
                #expect(end == whole)
            }
            for (rank, share) in zip(plan.ranks, [0.5, 0.3, 0.2]) { #expect(abs(rank.shareAsked - share) < 1e-12) }
            // The largest share leads to the most rows of the vocabulary.
            let rows = plan.ranks.map { $0.vocabulary.end - $0.vocabulary.start }
            #expect(rows[0] > rows[1] && rows[1] > rows[2])
        }

        @Test func aConfigurationAloneGivesTheSamePlanAsTheFile() throws {
            let options = ["--ranks", "5", "--json", "--exact", "--context", "300"]
            let file = try lockstep(["plan", Alice.embedded] + options).output
            #expect(try lockstep(["plan"] + options).output == file)
            let checkpoint = Alice.checkpoint.path(percentEncoded: false)
            #expect(try lockstep(["plan", checkpoint] + options).output == file)
            #expect(try lockstep(["plan", "\(checkpoint)/config.json"] + options).output == file)
            let wider: PlanFigures = try decoded(["plan", checkpoint, "--encoding", "f32"] + options)
            let stated = try JSONDecoder().decode(PlanFigures.self, from: Data(file.utf8))
            #expect(wider.model.byteCounts == ["f32": 2 * (stated.model.byteCounts["bf16"] ?? 0)])
        }

        @Test func oneRankHoldsTheWholeModelAndSendsNothing() throws {
            let plan: PlanFigures = try decoded(["plan", "--json"])
            #expect(plan.rankCount == 1)
            #expect(plan.decodedToken.collectives == 0 && plan.decodedToken.byteCount == 0)
            #expect(plan.ranks[0].fileByteCount == plan.model.parameterCount * 2)
        }

        @Test func aSharesFileGivesARankToEachHost() throws {
            let file = try folder.write("hosts.shares", "# the machines\ntower 5\nlaptop 3  # old\n")
            let plan: PlanFigures = try decoded(["plan", "--shares-file", file, "--json"])
            #expect(plan.rankCount == 2)
        }

        /// 410 channels at 5:3:2: 205, 123 and 82.
        @Test func expertsOfWhichOneIsCutAreListedAndExplained() throws {
            let config = Alice.package.appending(
                path: "Tests/EngineTests/Resources/reference/mixtral-a-h72-i82-q6kv3-e5-bf16/config.json")
            let arguments = [
                "plan", config.path(percentEncoded: false), "--shares", "5:3:2", "--experts", "mixed",
            ]
            let launch = try lockstep(arguments)
            #expect(launch.status == 0, "\(launch.errors)")
            let words = launch.output.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
            for text in [
                " none 0-2 0…40 ", " none 2-3 41…81 ", " none 4 0-81 ",
                "- experts (layers 0-2): 5 of 82 channels, 2 for a token, end to end over the ranks: 4 whole, expert 2 "
                    + "cut (41 channels on rank 0, 41 channels on rank 1): figures are averages",
            ] { #expect(words.contains(text), "\(text) in \(launch.output)") }
            let plan: PlanFigures = try decoded(arguments + ["--json"])
            #expect(plan.ranks[1].expertRuns?.map { [$0.experts.start, $0.channels.start] } == [[2, 41], [3, 0]])
            #expect(plan.ranks[1].expertRuns?.map { [$0.experts.end, $0.channels.end] } == [[3, 82], [4, 82]])
            let inside: PlanFigures = try decoded(arguments.dropLast() + ["inside", "--json"])
            #expect(inside.ranks.allSatisfy { $0.expertRuns == nil })
        }

        @Test func aFolderMayHoldAGGUFFile() throws {
            let file = Alice.package.appending(
                path: "Tests/EngineTests/Resources/reference/gguf-llama-a-q8_0/model-Q8_0.gguf")
            try FileManager.default.copyItem(atPath: file.path(percentEncoded: false), toPath: folder.path("m.gguf"))
            let plan = try lockstep(["plan", folder.path(""), "--ranks", "2"])
            #expect(plan.status == 0, "\(plan.errors)")
            #expect(plan.output == (try lockstep(["plan", folder.path("m.gguf"), "--ranks", "2"])).output)
            #expect(plan.output.contains("q8"), "\(plan.output)")
            try FileManager.default.copyItem(atPath: folder.path("m.gguf"), toPath: folder.path("sha256-0123"))
            #expect(plan.output == (try lockstep(["plan", folder.path("sha256-0123"), "--ranks", "2"])).output)
            // What an import takes is planned, whatever else is there.
            try folder.write("config.json", Array("{}".utf8))
            #expect(plan.output == (try lockstep(["plan", folder.path(""), "--ranks", "2"])).output)
        }

        /// Experts lie in one tensor in the file, and are one weight of the plan.
        @Test(arguments: [
            "gemma3-a-bf16", "llama-c-k", "llama-d-low", "mixtral-a-e5-bf16", "nemotron_h-c-e4-q8_0", "phi3-b-bf16",
            "qwen2_moe-a-e5-q8_0", "qwen3_5-b-k", "qwen3_moe-b-e3-k",
        ])
        func aGGUFFileIsPlannedAsWhatIsImportedOfIt(name: String) throws {
            let source = Alice.package.appending(path: "Tests/EngineTests/Resources/reference/gguf-\(name)")
                .path(percentEncoded: false)
            let names = try FileManager.default.contentsOfDirectory(atPath: source)
            let file = "\(source)/\(try #require(names.first { $0.hasSuffix(".gguf") }))"
            let model = folder.path("model.h5")
            let launch = try lockstep(["import", file, "-o", model])
            try #require(launch.status == 0, "\(launch.errors)")
            let options = ["--ranks", "3", "--shares", "5:3:2", "--json"]
            let plan = try lockstep(["plan", file] + options)
            #expect(plan.status == 0, "\(plan.errors)")
            #expect(plan.output == (try lockstep(["plan", model] + options)).output)
        }

        @Test func memoryDecidesOnlyWhereEqualSharesDoNotFit() throws {
            let config = Alice.package.appending(path: "Tests/BlueprintTests/Resources/published/Llama-3.1-70B.json")
                .path(percentEncoded: false)
            let equal: PlanFigures = try decoded(["plan", config, "--memory", "128GB:80GB", "--json"])
            #expect(equal.ranks.map(\.shareAsked) == [0.5, 0.5])
            #expect(equal.ranks.map(\.memoryByteCount) == [128_000_000_000, 80_000_000_000])
            #expect(!equal.remarks.contains { $0.contains("memory") })
            let moved: PlanFigures = try decoded(["plan", config, "--memory", "128GB:48GB", "--json"])
            #expect(moved.ranks.map(\.queryHeads.end) == [48, 64])
            #expect(zip(moved.ranks, [128, 48]).allSatisfy { $0.peakByteCount <= $1 * 1_000_000_000 })
            #expect(
                moved.remarks.first?.hasPrefix(
                    "shares follow memory (72.7 %, 27.3 %), because with equal shares rank 1 would hold 71.3 GB")
                    == true,
                "\(moved.remarks)")
            let given = try lockstep(["plan", config, "--memory", "128GB:48GB", "--shares", "1:1"])
            #expect(given.status == 1 && given.errors.contains("rank 1: expected to fit in 48.0 GB"))
            #expect(given.errors.contains("23.3 GB too much") && given.errors.contains("use --shares 8:3"))
            let none = try lockstep(["plan", config, "--memory", "60GB:40GB"])
            #expect(none.status == 1 && none.errors.contains("a model imported with --encoding q8"), "\(none.errors)")
            #expect(try lockstep(["plan", config, "--memory", "60GB:40GB", "--encoding", "q8"]).status == 0)
        }

        static let wrong: [(arguments: [String], status: Int32, message: String)] = [
            (["--ranks", "0"], 64, "--ranks: expected 1 to 4096, found 0"),
            (["--ranks", "1000000"], 64, "--ranks: expected 1 to 4096, found 1000000"),
            (
                ["--ranks", "3", "--shares", "5:3"], 64,
                "shares: expected one number for each of 3 ranks, found 2 in '5:3'"
            ),
            (
                ["--memory", "4GB:x"], 64,
                "expected a number above zero with a unit such as GB or GiB for rank 1, found 'x'"
            ),
            (["--memory", "4GB:4GB", "--ranks", "3"], 64, "memory: expected one limit for each of 3 ranks, found 2"),
            (["--memory", "4GB:4GB", "--shares", "1:2:3"], 1, "shares: expected one number for each of 2 ranks"),
            (["--shares", "5:0"], 64, "The value '5:0' is invalid for '--shares <5:3:2>'"),
            (
                ["--ranks", "2000"], 1,
                "rank 1021: expected at least one unit of some axis, found none for its share 1 "
                    + "(the longest axis, vocabulary, has 1021); use 1021 ranks or a larger share"
            ),
            (["--context", "513"], 1, "found 513; use --context 512"),
            (["--context", "0"], 1, "found 0; use --context 1"),
            (["--chunk", "0"], 1, "chunk: expected at least 1 token, found 0; use --chunk 1 or more"),
            (["none.h5"], 1, "none.h5: expected something readable, found 'No such file or directory'"),
            (["none.json"], 1, "none.json: expected a readable file, found none; give another path"),
            (["/"], 1, "/: expected a checkpoint folder with config.json, or a GGUF file, found a folder without c"),
            (["a.h5", "--model", "b.h5"], 64, "model: expected 'a.h5' or --model 'b.h5', found both; give one"),
            (["--encoding", "q8"], 64, "--encoding: expected with a config.json, found with the weights file "),
            (["x.h5", "--head-encoding", "q8"], 64, "--head-encoding: expected with a config.json, found with the w"),
            (
                ["--model", "x.h5", "--embedding-encoding", "q8"], 64,
                "--embedding-encoding: expected with a config.json, found with the weights file x.h5, "
                    + "which has its own; leave it out, or import the checkpoint with it"
            ),
            (
                ["x.gguf", "--encoding", "q4"], 64,
                "--encoding: expected with a config.json, found with the GGUF checkpoint x.gguf, which has its own; "
                    + "leave it"
            ),
            (["/", "--encoding", "q4"], 64, "found with the folder /, which has none; leave it out"),
        ]

        @Test(arguments: wrong) func whatCannotWorkIsRefused(
            arguments: [String], status: Int32, message: String
        ) throws {
            let launch = try lockstep(["plan"] + arguments)
            #expect(launch.errors.occurrences(of: message) == 1, "\(launch.errors)")
            #expect(launch.status == status)
            #expect(launch.output.isEmpty)
            if status == 64 { #expect(launch.errors.contains("\nUsage: lockstep plan "), "\(launch.errors)") }
        }

        /// Integers of 4 bits in groups of 32 can be kept or widened.
        @Test func encodingsThatNoImportMakesAreRefusedInItsWords() throws {
            let source = Alice.package.appending(path: "Tests/EngineTests/Resources/reference/mlx-llama-a-q4g32")
                .path(percentEncoded: false)
            for option in ["--encoding", "--head-encoding"] {
                let plan = try lockstep(["plan", source, option, "q8"])
                #expect(plan.status == 1 && plan.output.isEmpty)
                let reason = try #require(plan.errors.firstRange(of: ": expected elements that can become q8g32, "))
                let imported = try lockstep(["import", source, "-o", folder.path("m.h5"), option, "q8"])
                #expect(imported.status == 1)
                #expect(imported.errors.hasSuffix(plan.errors[reason.lowerBound...]), "\(imported.errors)")
            }
            #expect(try lockstep(["plan", source, "--encoding", "bf16"]).status == 0)
        }

        /// Where config.json leaves open how tensors are stored, the files beside it say it.
        @Test(arguments: [
            "mlx-deepseek_v3-c-e8-q8g32", "mlx-gpt_oss-c-e6-mxfp4-q8g64", "mlx-llama-c-q3q6g64",
            "qwen2-b-h96-i410-q12kv2-f32",
        ])
        func aFolderIsPlannedAsTheFileThatItBecomes(name: String) throws {
            let source = Alice.package.appending(path: "Tests/EngineTests/Resources/reference/\(name)")
                .path(percentEncoded: false)
            let file = folder.path("\(name).h5")
            for encoding in ["keep", "f32"] {
                try #require(lockstep(["import", source, "-o", file, "--encoding", encoding]).status == 0)
                let plan = try lockstep(["plan", source, "--encoding", encoding, "--ranks", "3"])
                #expect(plan.status == 0 && plan.errors.isEmpty, "\(plan.errors)")
                #expect(plan.output == (try lockstep(["plan", file, "--ranks", "3"]).output))
            }
        }

        @Test func aFolderWhoseWeightsAreNotAllThereIsPlannedByItsConfiguration() throws {
            let text = TinyModel().config
            _ = try folder.write("config.json", text)
            let alone = try lockstep(["plan", folder.path("")])
            _ = try folder.write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
            let plan = try lockstep(["plan", folder.path("")])
            #expect(plan.status == 0 && plan.output == alone.output && alone.errors.isEmpty)
            #expect(plan.errors.contains("planned by what config.json says alone: "), "\(plan.errors)")
            #expect(plan.errors.contains("expected weights, found a pointer of Git LFS"), "\(plan.errors)")
        }

        @Test func aConfigurationThatIsNotImplementedIsRefusedByName() throws {
            let text = TinyModel().config.replacingOccurrences(of: "\"silu\"", with: "\"swish9\"")
            let path = try folder.write("config.json", text)
            let launch = try lockstep(["plan", path])
            #expect(launch.status == 1)
            #expect(launch.errors.hasPrefix("lockstep: \(path): expected 'hidden_act' to be"), "\(launch.errors)")
            #expect(launch.errors.contains("swish9"), "\(launch.errors)")
        }

        @Test func whatAFileSaysDoesNotReachTheTerminalAsCommands() throws {
            let text = TinyModel().config.replacingOccurrences(
                of: "\"model_type\"", with: "\"\\u001b[31mkey\\u0085\\n\": 3, \"model_type\"")
            let launch = try lockstep(["plan", try folder.write("config.json", text)])
            #expect(launch.status == 1)
            #expect(launch.errors.contains("found '\\u{1b}[31mkey\\u{85}\\u{a}', which is 3"), "\(launch.errors)")
        }
    }
}
