import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct HelpTests {
        private static let run = [
            "--model", "--shares", "--shares-file", "--split", "--exact", "--experts", "--context", "--cache",
            "--chunk", "--threads", "--math", "--deadline",
        ]

        static let options: [(command: String, options: [String])] = [
            ("import", ["-o, --output", "--encoding", "--group", "--scales", "--offsets"]),
            ("show", ["--tensors", "--verify"]),
            (
                "plan",
                [
                    "--ranks", "--shares", "--context", "--cache", "--chunk", "--encoding", "--exact", "--split",
                    "--experts", "--json",
                ]
            ),
            ("tokenize", ["--model", "--text", "--text-file", "--decode", "--no-special", "--json"]),
            (
                "generate",
                run + [
                    "--prompt", "--prompt-file", "--tokens", "--max-tokens", "--temperature", "--top-k", "--top-p",
                    "--min-p", "--seed", "--repetition-penalty", "--stop", "--ignore-eos", "--json",
                ]
            ),
            (
                "score",
                run + ["--text-file", "--tokens", "--tokens-file", "--top", "--logits", "--reference", "--json"]
            ),
            (
                "bench",
                run + [
                    "--shape", "--encoding", "--group", "--scales", "--offsets", "--seed", "--prompt", "--generate",
                    "--batch", "--repeat", "--format", "--json",
                ]
            ),
            ("scaling", ["--no-page", "--check"]),
            ("probe", ["-o, --output", "--threads", "--quick", "--deadline"]),
            ("verify", run + ["--prompt", "--tokens", "--reference", "--tolerance", "--json"]),
        ]

        @Test(arguments: options) func helpExplainsEveryOption(command: String, options: [String]) throws {
            let launch = try lockstep([command, "--help"])
            #expect(launch.status == 0 && launch.errors.isEmpty)
            #expect(launch.output.hasPrefix("OVERVIEW: "))
            for option in options + ["-h, --help"] {
                #expect(launch.output.occurrences(of: "\n  \(option) ") == 1, "\(option) in:\n\(launch.output)")
            }
            #expect(try lockstep(["help", command]).output == launch.output)
        }

        @Test func theProgramListsItsCommands() throws {
            let launch = try lockstep(["--help"])
            #expect(launch.status == 0)
            for (command, _) in Self.options { #expect(launch.output.occurrences(of: "\n  \(command) ") == 1) }
            #expect(try lockstep([]).output == launch.output)
        }

        @Test func theVersionIsThreeNumbers() throws {
            let launch = try lockstep(["--version"])
            #expect(launch.status == 0)
            #expect(launch.output.wholeMatch(of: /[0-9]+\.[0-9]+\.[0-9]+\n/) != nil, "\(launch.output)")
        }
    }
}
