import Testing
import Text

@Suite struct ErrorTests {
    /// A tokenizer of one token with other parts.
    private static func json(_ parts: String = "", model: String = "") -> String {
        #"{\#(parts.isEmpty ? "" : parts + ",")"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]\#(model)}}"#
    }

    private func failure(_ json: String) -> TextError? {
        do throws(TextError) {
            _ = try Tokenizer(json: json)
            return nil
        } catch {
            return error
        }
    }

    @Test func theTokenizerThatTheseTestsSpoilIsFine() throws {
        #expect(failure(Self.json()) == nil)
    }

    /// What the file says, where the error must say it stands, and what it must name.
    static let unsupported: [(parts: String, path: String, name: String)] = [
        (#""normalizer":{"type":"BertNormalizer"}"#, "normalizer", "BertNormalizer"),
        (
            #""normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Precompiled"}]}"#,
            "normalizer.normalizers[1]", "Precompiled"
        ),
        (#""normalizer":{"type":"NFC","strength":1}"#, "normalizer", "strength"),
        (#""pre_tokenizer":{"type":"UnicodeScripts"}"#, "pre_tokenizer", "UnicodeScripts"),
        (
            #""pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Bert"}]}"#,
            "pre_tokenizer.pretokenizers[0]", "Bert"
        ),
        (
            #""pre_tokenizer":{"type":"Split","pattern":{"Glob":"*"},"behavior":"Isolated","invert":false}"#,
            "pre_tokenizer.pattern", "Glob"
        ),
        (
            #""pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Shredded","invert":false}"#,
            "pre_tokenizer.behavior", "Shredded"
        ),
        (
            #""pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}"#,
            "pre_tokenizer.prepend_scheme", "last"
        ),
        (#""post_processor":{"type":"BertProcessing"}"#, "post_processor", "BertProcessing"),
        (
            #""post_processor":{"type":"Sequence","processors":[{"type":"RobertaProcessing"}]}"#,
            "post_processor.processors[0]", "RobertaProcessing"
        ),
        (#""decoder":{"type":"WordPiece"}"#, "decoder", "WordPiece"),
        (
            #""decoder":{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"CTC"}]}"#, "decoder.decoders[1]",
            "CTC"
        ),
        (#""sentence_splitter":{}"#, "", "sentence_splitter"),
    ]

    @Test(arguments: unsupported)
    func whatIsNotImplementedIsNamedWithItsPlace(parts: String, path: String, name: String) throws {
        let error = try #require(failure(Self.json(parts)))
        guard case .unsupported(let place, _, let found) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(place == path)
        #expect(found.contains(name))
        #expect("\(error)".contains(name))
    }

    @Test(arguments: [
        (#"(a)\1"#, #"'\1'"#), (#"(?<name>a)"#, "a named group"), (#"\p{Greek}"#, #"'\p{Greek}'"#),
        (#"[[:alpha:]]"#, "a POSIX bracket"), (#"\bword"#, #"'\b'"#), (#"(?m:a)"#, "an unknown kind of group"),
        (#"(?<=a+)b"#, "a look-behind of varying width"), (#"(a?)+"#, "a repeated part that can be empty"),
        (#"(?i:é)"#, "a character past ASCII inside (?i:...)"), (#"(?i:pass)"#, "'ss' inside (?i:...)"),
        (#"a)"#, "')' without '('"), (#"(a"#, "'(' without ')'"), (#"[a"#, "'[' without ']'"),
        (#"*a"#, "a repetition of nothing"), (#"[z-a]"#, "a range that is not in order"), (#"\X"#, #"'\X'"#),
    ])
    func regularExpressionsAreRefusedByWhatTheyUse(pattern: String, what: String) throws {
        let escaped = pattern.replacing(#"\"#, with: #"\\"#)
        let parts =
            #""pre_tokenizer":{"type":"Split","pattern":{"Regex":"\#(escaped)"},"behavior":"Isolated","invert":false}"#
        let error = try #require(failure(Self.json(parts)))
        guard case .unsupported("pre_tokenizer.pattern.Regex", _, let found) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(found.hasPrefix(what))
        #expect(found.contains(pattern))
    }

    @Test func unsupportedModelsAreNamed() throws {
        let unigram = try #require(failure(#"{"model":{"type":"Unigram","vocab":[],"unk_id":0}}"#))
        #expect(unigram == .unsupported(path: "model.type", expected: "'BPE'", found: "'Unigram'"))
        let dropout = try #require(failure(Self.json(model: #","dropout":0.1"#)))
        #expect(dropout == .unsupported(path: "model.dropout", expected: "null or 0", found: "0.1"))
        #expect(failure(Self.json(model: #","dropout":0"#)) == nil)
    }

    @Test(arguments: [
        (#"{"model":{"vocab":{"a":0},"merges":["a b"]}}"#, "model.merges[0]"),
        (#"{"model":{"vocab":{"a":0},"merges":["a  a"]}}"#, "model.merges[0]"),
        (#"{"model":{"vocab":{"a":0},"merges":[["a"]]}}"#, "model.merges[0]"),
        (#"{"model":{"vocab":{"a":-1},"merges":[]}}"#, "model.vocab['a']"),
        (#"{"model":{"vocab":{"a":0.5},"merges":[]}}"#, "model.vocab['a']"),
        (#"{"model":{"vocab":{"a":1e12},"merges":[]}}"#, "model.vocab['a']"),
        (#"{"model":{"vocab":[],"merges":[]}}"#, "model.vocab"),
        (#"{"model":{"vocab":{}}}"#, "model.merges"),
        (#"{"model":{"vocab":{},"merges":[]},"normalizer":{"type":7}}"#, "normalizer.type"),
        (#"{"model":{"vocab":{},"merges":[]},"normalizer":{"type":"Prepend"}}"#, "normalizer.prepend"),
        (#"{"model":{"vocab":{},"merges":[]},"added_tokens":[{"content":"x"}]}"#, "added_tokens[0].single_word"),
        (
            #"{"model":{"vocab":{},"merges":[]},"post_processor":{"type":"TemplateProcessing","single":"#
                + #"[{"SpecialToken":{"id":"<s>","type_id":0}}],"pair":[],"special_tokens":{}}}"#,
            "post_processor.single[0].SpecialToken.id"
        ),
        (#"{}"#, "model"),
    ])
    func malformedFilesSayWhere(json: String, path: String) throws {
        let error = try #require(failure(json))
        guard case .malformed(let place, _, _) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(place == path)
        #expect("\(error)".hasPrefix("tokenizer.json, \(path): expected "))
    }

    @Test(arguments: [
        ("", 0), ("{", 1), ("{} x", 3), (#"{"a":tru}"#, 5), (#"{"a":1,}"#, 7), (#"["a" "b"]"#, 5),
        (#"{"a":"\q"}"#, 7), (#"{"a":"\ud800"}"#, 8), (#"{"a":"\u12g4"}"#, 10), ("{\"a\":\"\n\"}", 6),
        (String(repeating: "[", count: 200), 128),
    ])
    func whatIsNotJSONSaysAtWhichByte(json: String, offset: Int) throws {
        guard case .syntax(let found, _, _) = try #require(failure(json)) else {
            Issue.record("another error for \(json)")
            return
        }
        #expect(found == offset)
    }

    @Test func aFileThatIsNotUTF8SaysAtWhichByte() throws {
        let bytes = Array(#"{"model":""#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8)
        let error = #expect(throws: TextError.self) { try Tokenizer(json: bytes) }
        guard case .syntax(10, "UTF-8", let found) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found.contains("0xC3 0x28"))
    }

    @Test func anUnknownTokenThatIsNotInTheVocabularyIsAnErrorWhenItIsNeeded() throws {
        let tokenizer = try Tokenizer(json: Self.json(model: #","unk_token":"<unk>""#))
        #expect(try tokenizer.encode("ab") == [0, 1])
        let error = TextError.malformed(
            path: "model.unk_token", expected: "a token of the vocabulary", found: "'<unk>'")
        #expect(throws: error) { try tokenizer.encode("abc") }
    }
}
