import Foundation
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct TokenizeTests {
        struct Tokens: Decodable {
            var tokens: [Int]
            var pieces: [String]
        }

        struct Text: Decodable {
            var text: String
        }

        @Test func idsAndPiecesArePrintedLineByLine() throws {
            let launch = try lockstep(["tokenize", "--text", "Alice was"])
            #expect(launch.status == 0)
            #expect(launch.output == "0\t<|bos|>\n535\tAlice\n319\tĠwas\n")
            #expect(launch.errors.isEmpty)
        }

        @Test func jsonHasIdsAndPieces() throws {
            let tokens: Tokens = try decoded(["tokenize", "--text", "Alice was", "--json"])
            #expect(tokens.tokens == [0, 535, 319])
            #expect(tokens.pieces == ["<|bos|>", "Alice", "Ġwas"])
        }

        @Test func noSpecialLeavesOutWhatTheTemplateAdds() throws {
            let tokens: Tokens = try decoded(["tokenize", "--text", "Alice was", "--no-special", "--json"])
            #expect(tokens.tokens == [535, 319])
        }

        @Test(arguments: [
            "Alice was", "  two  spaces\n\n\ttab ", "Ärger – 漢字 🐇👩‍👩‍👧", "<|eos|> in a text", "e\u{301}", "\u{1}\u{7F}",
        ])
        func decodingGivesTheTextBack(text: String) throws {
            let tokens: Tokens = try decoded(["tokenize", "--text=\(text)", "--no-special", "--json"])
            #expect(!tokens.tokens.isEmpty && tokens.tokens.count == tokens.pieces.count)
            let ids = tokens.tokens.map { "\($0)" }.joined(separator: ",")
            let back: Text = try decoded(["tokenize", "--decode", ids, "--json"])
            #expect(Array(back.text.utf8) == Array(text.utf8))
            #expect(try lockstep(["tokenize", "--decode", ids]).output == text + "\n")
        }

        @Test func aFileGivesTheSameIdsAsItsText() throws {
            let folder = try TemporaryFolder()
            let file = try folder.write("text.txt", "Alice was\nbeginning")
            let expected: Tokens = try decoded(["tokenize", "--text", "Alice was\nbeginning", "--json"])
            let found: Tokens = try decoded(["tokenize", "--text-file", file, "--json"])
            #expect(found.tokens == expected.tokens)
        }

        @Test func brokenTextAndWrongIdsAreRefused() throws {
            let folder = try TemporaryFolder()
            let file = try folder.write("text.txt", Data([0xC3]))
            let broken = try lockstep(["tokenize", "--text-file", file])
            expectFailure(broken, "text, byte 0: expected UTF-8, found ")
            let negative = try lockstep(["tokenize", "--decode=-1"])
            expectFailure(
                negative,
                "token 1: expected an id from 0 to 1020, found -1; tokenize the text with this model's tokenizer")
            let nothing = try lockstep(["tokenize"])
            expectFailure(nothing, status: 64, "expected one of --text, --text-file and --decode, found none")
        }

        @Test func aModelWithoutTokenizerIsRefused() throws {
            let folder = try TemporaryFolder()
            let model = try TinyModel().imported(in: folder)
            expectFailure(
                try lockstep(["tokenize", "--model", model, "--text", "a"]),
                "\(model): expected a tokenizer.json inside, found none; import a checkpoint that has one, "
                    + "or give token ids with --tokens")
        }
    }
}
