import Blueprint
import Foundation
import Launching
import Testing
import Text
import Weights

/// Tokenizers made of GGUF metadata, against the libraries that such models are trained and run with.
@Suite struct GGUFTokenizerTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static func resource(_ name: String) -> URL {
        Bundle.module.bundleURL.appending(path: "Resources/gguf/\(name)")
    }

    private struct Case: Decodable {
        var text: String
        var ids: [Int]
        var decoded: String
    }

    private struct ByteLevel: Decodable {
        var tokens: [String]
        var special: [String]
        var merges: [String]
        var cases: [String]
        var ids: [String: [[Int]]]
    }

    private static let byteLevel = Result {
        try JSONDecoder().decode(ByteLevel.self, from: Data(contentsOf: resource("bytelevel.json")))
    }

    /// A file with the reference's tokens.
    private func file(_ preTokenizer: String?, _ change: (inout GGUFText) -> Void = { _ in }) throws -> Checkpoint {
        let reference = try Self.byteLevel.get()
        var text = GGUFText.smallModel
        let kinds = reference.tokens.map { _ in Int32(1) } + reference.special.map { _ in Int32(3) }
        text.set("tokenizer.ggml.model", .text("gpt2"))
        if let preTokenizer { text.set("tokenizer.ggml.pre", .text(preTokenizer)) }
        text.set("tokenizer.ggml.tokens", .texts(reference.tokens + reference.special))
        text.set("tokenizer.ggml.token_type", .signed32s(kinds))
        text.set("tokenizer.ggml.merges", .texts(reference.merges))
        text.set("tokenizer.ggml.bos_token_id", .unsigned32(1004))
        text.set("tokenizer.ggml.eos_token_id", .unsigned32(1008))
        change(&text)
        try folder.write("model.gguf", text.bytes)
        return try Checkpoint(folder.path("model.gguf"))
    }

    private func tokenizer(_ preTokenizer: String?, _ change: (inout GGUFText) -> Void = { _ in }) throws -> Tokenizer {
        try Tokenizer(json: try #require(try file(preTokenizer, change).texts[.tokenizer]))
    }

    private func message(_ preTokenizer: String?, _ change: (inout GGUFText) -> Void) throws -> String {
        try #require(#expect(throws: WeightsError.self) { _ = try file(preTokenizer, change) }).description
    }

    /// An accent above an x is a character of its own, that of an e is not.
    @Test func marksBelongToWordsInNewerModels() throws {
        for (name, whole) in [("qwen2", [0, 3]), ("qwen35", [4])] {
            let tokenizer = try tokenizer(name) { text in
                let mark = "\u{cc}\u{123}"
                text.set("tokenizer.ggml.tokens", .texts(["x", "\u{cc}", "\u{123}", mark, "x\(mark)"]))
                text.set("tokenizer.ggml.token_type", .signed32s(Array(repeating: 1, count: 5)))
                text.set("tokenizer.ggml.merges", .texts(["\u{cc} \u{123}", "x \(mark)"]))
                for role in ["bos", "eos"] { text.remove("tokenizer.ggml.\(role)_token_id") }
            }
            #expect(try tokenizer.encode("x\u{301}") == whole, "\(name)")
        }
    }

    @Test func sentencePieceGivesItsOwnTokensAndText() throws {
        let checkpoint = try Checkpoint(Self.resource("sentencepiece.gguf").path(percentEncoded: false))
        let tokenizer = try Tokenizer(json: try #require(checkpoint.texts[.tokenizer]))
        let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: Self.resource("sentencepiece.json")))
        #expect(cases.count > 50)
        for one in cases {
            #expect(try tokenizer.encode(one.text, addSpecialTokens: false) == one.ids, "\(one.text)")
            #expect(try tokenizer.encode(one.text) == [1] + one.ids)
            #expect(try tokenizer.decode(one.ids, skipSpecialTokens: true) == one.decoded)
        }
    }

    @Test func everyPreTokenizerGivesTheReferencesTokens() throws {
        let reference = try Self.byteLevel.get()
        #expect(reference.ids.count >= 10)
        for (name, expected) in reference.ids {
            let tokenizer = try tokenizer(name)
            for (text, ids) in zip(reference.cases, expected) {
                #expect(try tokenizer.encode(text, addSpecialTokens: false) == ids, "\(name): \(text)")
            }
        }
        #expect(Set(reference.ids.values).count > 3)
    }

    @Test func everyPreTokenizerThatHasANameCanBeBuilt() throws {
        for name in GGUFPreTokenizer.names { _ = try tokenizer(name) }
    }

    @Test func aFileWithoutAPreTokenizerHasTheDefault() throws {
        let (named, unnamed) = (try tokenizer("default"), try tokenizer(nil))
        for text in try Self.byteLevel.get().cases { #expect(try named.encode(text) == unnamed.encode(text)) }
    }

    @Test func textsBeginAndEndAsTheFileSays() throws {
        #expect(try tokenizer("qwen2").encode("a") == [64])
        #expect(try tokenizer("llama-bpe").encode("a") == [1004, 64])
        #expect(try tokenizer("llama-bpe") { $0.set("tokenizer.ggml.add_bos_token", .boolean(0)) }.encode("a") == [64])
        let both = try tokenizer("qwen2") {
            $0.set("tokenizer.ggml.add_bos_token", .boolean(1))
            $0.set("tokenizer.ggml.add_eos_token", .boolean(1))
        }
        #expect(try both.encode("a") == [1004, 64, 1008])
        #expect(try both.encode("a", addSpecialTokens: false) == [64])
    }

    /// Two ways to write é, which a comparison of texts takes for the same.
    @Test func aTokenWithARoleIsTheOneOfItsNumber() throws {
        let reference = try Self.byteLevel.get()
        let kinds = reference.tokens.map { _ in Int32(1) } + reference.special.map { _ in Int32(3) }
        let both = try tokenizer("qwen2") {
            $0.set("tokenizer.ggml.tokens", .texts(reference.tokens + reference.special + ["<e\u{301}>", "<\u{e9}>"]))
            $0.set("tokenizer.ggml.token_type", .signed32s(kinds + [3, 3]))
            $0.set("tokenizer.ggml.bos_token_id", .unsigned32(1009))
            $0.set("tokenizer.ggml.eos_token_id", .unsigned32(1010))
            $0.set("tokenizer.ggml.add_bos_token", .boolean(1))
            $0.set("tokenizer.ggml.add_eos_token", .boolean(1))
        }
        #expect(try both.encode("a") == [1009, 64, 1010])
    }

    @Test func controlTokensAreFoundInTextAndFillersAreNot() throws {
        let reference = try Self.byteLevel.get()
        let kinds = reference.tokens.map { _ in Int32(1) }
        let tokenizer = try tokenizer("llama-bpe") {
            $0.set("tokenizer.ggml.tokens", .texts(reference.tokens + reference.special + ["<tool>", "[PAD1]"]))
            $0.set("tokenizer.ggml.token_type", .signed32s(kinds + reference.special.map { _ in 3 } + [4, 5]))
        }
        #expect(
            try tokenizer.encode("a\(reference.special[4])a<tool>", addSpecialTokens: false) == [64, 1008, 64, 1009])
        #expect(try tokenizer.decode([64, 1008, 1009], skipSpecialTokens: true) == "a<tool>")
        #expect(try !tokenizer.encode("[PAD1]").contains(1010))
    }

    @Test func tokensWithARoleAndTheTemplateAreKept() throws {
        let checkpoint = try file("qwen2") {
            $0.set("tokenizer.chat_template", .text("{{ \"a\\n\" }}\n\t\u{1}é"))
            $0.set("tokenizer.ggml.eot_token_id", .unsigned32(1007))
            $0.set("tokenizer.ggml.padding_token_id", .unsigned32(.max))
        }
        #expect(checkpoint.texts[.chatTemplate] == "{{ \"a\\n\" }}\n\t\u{1}é")
        let text = try #require(checkpoint.texts[.tokenizerConfiguration])
        let values = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let special = try Self.byteLevel.get().special
        #expect(values["bos_token"] as? String == special[0])
        #expect(values["eos_token"] as? String == special[4])
        #expect(values["pad_token"] is NSNull)
        #expect(try Blueprint(configuration: checkpoint.configuration).endTokens == [1008, 1007])
    }

    @Test func tokensAtTheEndsOfTextsMustBeThere() throws {
        for role in ["bos", "eos"] {
            let key = "tokenizer.ggml.\(role)_token_id"
            let message = try message("qwen2") { $0.set(key, .unsigned32(1009)) }
            #expect(message.contains("expected '\(key)' to be one of 1009 tokens, found 1009"), "\(message)")
            // That there is none, some files say so.
            let none = try file("qwen2") { $0.set(key, .unsigned32(.max)) }
            #expect(try Blueprint(configuration: none.configuration).endTokens == (role == "eos" ? [] : [1008]))
        }
    }

    @Test func otherTokenizersAreRefused() throws {
        #expect(
            try message("qwen2") { $0.set("tokenizer.ggml.model", .text("bert")) }
                .contains("model.gguf/metadata: expected 'tokenizer.ggml.model' to be gpt2 or llama, found 'bert'"))
        #expect(try message("viking") { _ in }.contains("found 'viking'; use a model with another tokenizer"))
        #expect(try message("qwen2") { $0.remove("tokenizer.ggml.merges") }.contains("'tokenizer.ggml.merges'"))
        #expect(try message("qwen2") { $0.remove("tokenizer.ggml.tokens") }.contains("'tokenizer.ggml.tokens'"))
        #expect(
            try message("qwen2") { $0.set("tokenizer.ggml.merges", .texts(["ab"])) }
                .contains("two tokens with a space between"))
        #expect(
            try message("qwen2") { $0.set("tokenizer.ggml.token_type", .signed32s([1])) }
                .contains("'tokenizer.ggml.token_type' to have 1009 elements, one for each token, found 1"))
        #expect(try message("qwen2") { $0.set("tokenizer.ggml.tokens", .floats([1])) }.contains("an array of texts"))
        let scored: (inout GGUFText) -> Void = { $0.set("tokenizer.ggml.model", .text("llama")) }
        #expect(try message(nil, scored).contains("'tokenizer.ggml.scores'"))
        let rewriting = try message(nil) {
            scored(&$0)
            $0.set("tokenizer.ggml.scores", .floats(Array(repeating: 0, count: 1009)))
            $0.set("tokenizer.ggml.remove_extra_whitespaces", .boolean(1))
        }
        #expect(rewriting.contains("found one that rewrites it"))
    }
}
