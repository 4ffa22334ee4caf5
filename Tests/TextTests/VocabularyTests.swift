import Testing
import Text

@Suite struct VocabularyTests {
    private static func json(_ vocabulary: String, merges: String = "", rest: String = "") -> String {
        #"{"model":{"type":"BPE","vocab":{\#(vocabulary)},"merges":[\#(merges)]\#(rest)}}"#
    }

    @Test func composedAndDecomposedEntriesAreDifferentTokens() throws {
        let tokenizer = try Tokenizer(
            json: Self.json(
                #""\u00e9":0,"e":1,"\u0301":2,"e\u0301":3,"a\u00e9":4,"a":5,"ae\u0301":6"#,
                merges: #"["e","\u0301"],["a","\u00e9"],["a","e\u0301"]"#))
        #expect(try tokenizer.encode("\u{E9}") == [0])
        #expect(try tokenizer.encode("e\u{301}") == [3])
        #expect(try tokenizer.encode("a\u{E9}ae\u{301}") == [4, 6])
        #expect(tokenizer.id(of: "\u{E9}") == 0)
        #expect(tokenizer.id(of: "e\u{301}") == 3)
        #expect(tokenizer.piece(0)?.unicodeScalars.count == 1)
        #expect(tokenizer.piece(3)?.unicodeScalars.count == 2)
        let decoded = try tokenizer.decode([4, 6], skipSpecialTokens: false)
        #expect(Array(decoded.unicodeScalars) == Array("a\u{E9} ae\u{301}".unicodeScalars))
    }

    @Test func aTextIsNotSplitAtGraphemes() throws {
        let tokenizer = try Tokenizer(json: Self.json(#""\r":0,"\n":1,"\r\n":2,"a":3,"\u200d":4"#))
        #expect(try tokenizer.encode("\r\na\u{200D}\n") == [0, 1, 3, 4, 1])
    }

    @Test(arguments: ["llama-a", "mistral-a", "qwen2-b", "alice"])
    func piecesAndIdentifiersAreInverse(name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        #expect(tokenizer.vocabularySize > 900)
        for id in 0..<tokenizer.vocabularySize {
            let piece = try #require(tokenizer.piece(id))
            #expect(tokenizer.id(of: piece) == id)
        }
        #expect(tokenizer.piece(tokenizer.vocabularySize) == nil)
        #expect(tokenizer.piece(-1) == nil)
        #expect(tokenizer.id(of: "no such piece") == nil)
    }

    @Test func theVocabularySizeIsTheHighestIdentifierPlusOne() throws {
        let tokenizer = try Tokenizer(json: Self.json(#""a":0,"b":7"#))
        #expect(tokenizer.vocabularySize == 8)
        #expect(tokenizer.piece(3) == nil)
        #expect(try tokenizer.decode([0, 3, 7, 9], skipSpecialTokens: false) == "a b")
    }

    @Test func negativeIdentifiersAreRefused() throws {
        let tokenizer = try Fixtures.tokenizer("alice")
        #expect(throws: TextError.negativeIdentifier(-4)) {
            try tokenizer.decode([1, -4], skipSpecialTokens: false)
        }
    }

    @Test func mergesMayBeStringsOrPairs() throws {
        let pairs = try Tokenizer(json: Self.json(#""a":0,"b":1,"ab":2"#, merges: #"["a","b"]"#))
        let strings = try Tokenizer(json: Self.json(#""a":0,"b":1,"ab":2"#, merges: ##""#version: 0.2","a b""##))
        for tokenizer in [pairs, strings] { #expect(try tokenizer.encode("abb") == [2, 1]) }
    }

    @Test func truncationAndPaddingOfTheFileAreIgnored() throws {
        let tokenizer = try Tokenizer(
            json: #"{"truncation":{"max_length":1},"padding":{"strategy":{"Fixed":9}},"#
                + #""model":{"vocab":{"a":0},"merges":[]}}"#)
        #expect(try tokenizer.encode("aaa") == [0, 0, 0])
    }
}
