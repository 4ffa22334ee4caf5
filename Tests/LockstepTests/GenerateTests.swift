import Foundation
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct GenerateTests {
        private static let prompt = ["generate", "--prompt", "Alice was", "--max-tokens", "24"]

        /// Ways to divide the work that must not change the text.
        static let divisions: [(ranks: Int, options: [String])] = [
            (1, []), (2, []), (3, []), (5, []), (3, ["--shares", "5:3:2"]), (3, ["--exact"]),
            (5, ["--split", "padded"]), (1, ["--threads", "2", "--chunk", "1"]),
            (2, ["--chunk", "2", "--threads", "1"]),
        ]

        @Test(arguments: divisions) func theTextIsTheSameHoweverTheWorkIsDivided(
            ranks: Int, options: [String]
        ) throws {
            let launch = try lockstep(ranks: ranks, Self.prompt + options)
            #expect(launch.status == 0, "\(launch.errors)")
            // The whole product and nothing else: 24 tokens of the book.
            #expect(launch.output.hasSuffix("\n"))
            let text = launch.output.dropLast()
            #expect(Alice.continuation.hasPrefix(text), "\(launch.output)")
            #expect(text.count > 70)
            #expect(launch.errors.contains("decoding  24 tokens"))
            #expect(launch.errors.contains(" on \(ranks) rank\(ranks == 1 ? "" : "s") x "))
        }

        @Test func jsonHasTheFiguresOfTheGeneration() throws {
            let generation: Generation = try decoded(ranks: 3, Self.prompt + ["--json", "--threads", "1"])
            let text = try lockstep(Self.prompt).output
            #expect(generation.text + "\n" == text)
            #expect(generation.promptTokens == 3)
            #expect(generation.generatedTokens == 24 && generation.tokens.count == 24)
            #expect(generation.ending == "limit")
            #expect(generation.ranks == 3 && generation.threadsPerRank == 1)
            let seconds = generation.seconds
            #expect(seconds.loading > 0 && seconds.prompt > 0 && seconds.decoding > 0)
            #expect(generation.bytesReadPerSecond == Double(generation.bytesRead) / seconds.loading)
            // The first token comes with the prompt.
            #expect(abs(generation.tokensPerSecond - 23 / seconds.decoding) < 1e-6 * generation.tokensPerSecond)
            let ids = generation.tokens.map { "\($0)" }.joined(separator: ",")
            #expect(try lockstep(["tokenize", "--decode", ids]).output == text)
        }

        @Test func aPromptMayComeFromAFileOrAsTokens() throws {
            let folder = try TemporaryFolder()
            let file = try folder.write("prompt.txt", "Alice was")
            let expected = try lockstep(Self.prompt).output
            #expect(try lockstep(["generate", "--prompt-file", file, "--max-tokens", "24"]).output == expected)
            #expect(try lockstep(["generate", "--tokens", "0,535,319", "--max-tokens", "24"]).output == expected)
        }

        @Test(arguments: [1, 3]) func theContextEndsAGeneration(ranks: Int) throws {
            let arguments = ["generate", "--prompt", "Alice was", "--context", "8", "--ignore-eos", "--json"]
            let generation: Generation = try decoded(ranks: ranks, arguments)
            #expect(generation.ending == "context")
            // Three tokens of the prompt, five that follow them into the cache, and one that they lead to.
            #expect(generation.generatedTokens == 6)
        }

        @Test func aPromptMayFillTheContext() throws {
            let generation: Generation = try decoded(Self.prompt + ["--context", "3", "--json"])
            #expect(generation.tokens == [723])
            #expect(generation.ending == "context")
        }

        @Test func aTokenThatEndsTextsEndsTheGeneration() throws {
            let folder = try TemporaryFolder()
            // " beginning" is two tokens, 723 and 565: the second shall end texts.
            let source = try Alice.copyCheckpoint(
                to: folder,
                changing: ["generation_config.json": [("\"eos_token_id\": 1", "\"eos_token_id\": [1, 565]")]])
            let model = ["--model", try Alice.imported(source, in: folder)]
            let ended: Generation = try decoded(ranks: 2, Self.prompt + model + ["--json"])
            #expect(ended.tokens == [723, 565])
            #expect(ended.ending == "endToken")
            let ignoring: Generation = try decoded(ranks: 2, Self.prompt + model + ["--json", "--ignore-eos"])
            #expect(ignoring.generatedTokens == 24)
        }

        @Test(arguments: [
            ("very tired", " beginning to get "), ("ery ti", " beginning to get v"), ("nning to g", " begi"), (" ", ""),
            ("beginning to get very tired of sitting", " "),
        ]) func theTextEndsBeforeAStopText(stop: String, expected: String) throws {
            // None of them is a token, and most begin and end inside one.
            let generation: Generation = try decoded(Self.prompt + ["--json", "--stop", stop])
            #expect(generation.text == expected)
            #expect(generation.ending == "stopped")
            let streamed = try lockstep(ranks: 2, Self.prompt + ["--stop", stop])
            #expect(streamed.output == expected + "\n")
        }

        @Test func theFirstOfSeveralStopTextsEndsTheText() throws {
            let arguments = Self.prompt + ["--stop", "sister", "--stop", "sitting", "--stop", "rabbit"]
            #expect(try lockstep(arguments).output == " beginning to get very tired of \n")
        }

        @Test func aStopTextThatNeverComesChangesNothing() throws {
            // "tired of it" begins as the text does.
            let arguments = Self.prompt + ["--stop", "tired of it", "--stop", ""]
            #expect(try lockstep(arguments).output == lockstep(Self.prompt).output)
        }

        @Test(arguments: [1, 2, 3]) func whatIsStreamedIsWhatTheTokensSay(seed: Int) throws {
            // At this temperature bytes come that are no characters, and characters in several tokens.
            let arguments = [
                "generate", "--prompt", "Äöü 🐇", "--temperature", "50", "--seed", "\(seed)", "--max-tokens", "100",
                "--ignore-eos",
            ]
            let generation: Generation = try decoded(arguments + ["--json"])
            #expect(try lockstep(arguments).output == generation.text + "\n")
            let ids = generation.tokens.map { "\($0)" }.joined(separator: ",")
            #expect(try lockstep(["tokenize", "--decode", ids, "--no-special"]).output == generation.text + "\n")
        }
    }
}
