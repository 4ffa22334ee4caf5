import Foundation
import Launching
import Testing

extension LockstepTests {
    /// Requests that only the model can tell to be impossible; rank 0 alone finds out, and the job ends.
    @Suite(.serialized) struct RequestFailureTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func expect(_ arguments: [String], fails message: String) throws {
            let launch = try Launch.mpirun(ranks: 3, "lockstep", arguments, limit: 20)
            expectFailure(launch, "lockstep: rank 0 on \(Launch.host): \(message)\n")
        }

        @Test(arguments: ["generate", "score"]) func aPromptLongerThanTheContextIsRefused(command: String) throws {
            let tokens = ["--tokens", "1,2,3,4,5,6,7,8,9", "--context", "8"]
            let what = command == "generate" ? "prompt" : "text"
            try expect(
                [command] + tokens,
                fails:
                    "\(what): expected at most 8 tokens, found 9; raise --context, at most to 512, or shorten the text")
        }

        @Test(arguments: [1021, -1, 4_000_000_000]) func aTokenOutsideOfTheVocabularyIsRefused(id: Int) throws {
            try expect(
                ["generate", "--tokens=5,\(id)"],
                fails: "token 2: expected an id from 0 to 1020, found \(id); "
                    + "tokenize the text with this model's tokenizer")
        }

        @Test func aTokenOutsideOfTheVocabularyIsRefusedByScoreAndVerify() throws {
            for command in ["score", "verify"] {
                try expect(
                    [command, "--tokens=2000,5"],
                    fails: "token 1: expected an id from 0 to 1020, found 2000; "
                        + "tokenize the text with this model's tokenizer")
            }
        }

        @Test func anEmptyPromptIsRefusedWhereNoTokenBeginsTexts() throws {
            let source = try Alice.copyCheckpoint(to: folder)
            let url = URL(fileURLWithPath: "\(source)/tokenizer.json")
            let object = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
            var tokenizer = try #require(object as? [String: Any])
            tokenizer["post_processor"] = NSNull()
            try JSONSerialization.data(withJSONObject: tokenizer).write(to: url)
            let model = try Alice.imported(source, in: folder)
            try expect(
                ["generate", "--model", model, "--prompt", ""],
                fails: "prompt: expected at least 1 token, found 0; give a longer text")
        }

        @Test func anEmptyListOfTokensIsRefused() throws {
            let file = try folder.write("ids.json", "[]")
            try expect(
                ["score", "--tokens-file", file], fails: "text: expected at least 2 tokens, found 0; give a longer text"
            )
        }

        @Test func aFileOfTokensThatIsNoneIsRefused() throws {
            let file = try folder.write("ids.json", "{\"ids\": 1}")
            try expect(
                ["score", "--tokens-file", file],
                fails: "\(file): expected a JSON array of token ids, found something else; correct the file")
        }

        @Test func brokenTextIsRefusedWithItsPlace() throws {
            let file = try folder.write("prompt.txt", Data([0x41, 0x6C, 0xFF, 0x65]))
            for arguments in [["generate", "--prompt-file", file], ["score", "--text-file", file]] {
                try expect(
                    arguments,
                    fails: "text, byte 2: expected UTF-8, found 0xFF (no character contains it); "
                        + "convert the text to UTF-8")
            }
        }

        @Test func aMissingPromptFileIsNamed() throws {
            let file = folder.path("none.txt")
            try expect(
                ["generate", "--prompt-file", file],
                fails: "\(file): expected a readable file, found none; give another path")
        }

        @Test func asManySharesAsRanksAreExpected() throws {
            try expect(
                ["generate", "--prompt", "a", "--shares", "5:3"],
                fails: "shares: expected one number for each of 3 ranks, found 2 in '5:3'; give 3 or start 2")
        }

        @Test func aSharesFileNamesEveryHost() throws {
            let file = try folder.write("hosts.shares", "# host share\nelsewhere 5\nnowhere 3\n")
            try expect(
                ["generate", "--prompt", "a", "--shares-file", file],
                fails: "shares file: expected a line for host \(Launch.host), found only elsewhere, nowhere; "
                    + "add the line '\(Launch.host) 1' with its share")
        }

        @Test func aSharesFileThatIsNoneIsRefused() throws {
            let missing = folder.path("none.shares")
            try expect(
                ["generate", "--prompt", "a", "--shares-file", missing],
                fails: "\(missing): expected a readable file, found none; give another path")
            let file = try folder.write("hosts.shares", "\(Launch.host) 2\nelsewhere none\n")
            try expect(
                ["generate", "--prompt", "a", "--shares-file", file],
                fails: "\(file), line 2: expected 'host share' with a finite number above zero, "
                    + "found 'elsewhere none'; correct the line")
        }

        @Test func logitsThatCannotBeWrittenEndTheJob() throws {
            let file = folder.path("nowhere/logits.h5")
            let launch = try Launch.mpirun(
                ranks: 3, "lockstep", ["score", "--tokens", "1,2,3", "--logits", file], limit: 20)
            expectFailure(
                launch,
                "lockstep: rank 0 on \(Launch.host): \(file): "
                    + "expected a folder that can be written, found no such folder"
            )
        }
    }
}
