import Testing
import Text

@Suite struct StreamingTests {
    @Test(arguments: Fixtures.names)
    func whatIsShownIsNeverTakenBack(name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        let expected = try Expected(name)
        let lines = try expected.lines.prefix(100).filter({ $0.tokens.count < 60 }).map { line in
            (try tokenizer.encode(line.text), expected.decoding(of: line.index, skipsSpecialTokens: true))
        }
        let random = expected.random.map { ($0.tokens, $0.skipped) }
        for (tokens, text) in lines + random {
            var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: true)
            var shown: [UInt8] = []
            for (index, token) in tokens.enumerated() {
                shown += Array(try decoder.append(token).utf8)
                // What is shown after a prefix begins every continuation, also the one that ends here.
                var ended = decoder
                let whole = try tokenizer.decode(Array(tokens[...index]), skipSpecialTokens: true)
                #expect(shown + Array(ended.finish().utf8) == Array(whole.utf8))
            }
            shown += Array(decoder.finish().utf8)
            guard let text else { continue }
            #expect(shown == Array(text.utf8), "\(tokens)")
        }
    }

    @Test func bytesOfACharacterAreHeldBackUntilItIsWhole() throws {
        let tokenizer = try Fixtures.tokenizer("llama-a")
        // The byte-level spelling of the four bytes of a smiling face.
        let tokens = try ["ð", "Ł", "ĺ", "Ģ"].map { try #require(tokenizer.id(of: $0)) }
        var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: false)
        let shown = try tokens.map { token in try decoder.append(token) }
        #expect(shown == ["", "", "", "😀"])
        #expect(decoder.finish() == "")
    }

    @Test func anEndInsideACharacterShowsOneReplacement() throws {
        let tokenizer = try Fixtures.tokenizer("llama-a")
        var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: false)
        for piece in ["ð", "Ł"] {
            let id = try #require(tokenizer.id(of: piece))
            #expect(try decoder.append(id) == "")
        }
        #expect(decoder.finish() == "\u{FFFD}")
    }

    @Test func byteTokensAreHeldBackUntilTheirRunEnds() throws {
        let tokenizer = try Fixtures.tokenizer("mistral-a")
        var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: false)
        let pieces = ["<0xC3>", "<0xA9>", "<0xC3>", "<0xA8>", "a", "<0xFF>", "<0x41>", "b"]
        let shown = try pieces.map { piece in
            try decoder.append(try #require(tokenizer.id(of: piece)))
        }
        // A broken run can only become replacements, so that these are shown at once.
        #expect(shown == ["", "", "", "", "éèa", "\u{FFFD}", "\u{FFFD}", "b"])
    }

    @Test func longTextsDoNotSlowTheDecoderDown() throws {
        let tokenizer = try Fixtures.tokenizer("mistral-a")
        let token = try #require(tokenizer.id(of: "▁t"))
        var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: true)
        var count = 0
        for _ in 0..<200_000 { count += try decoder.append(token).utf8.count }
        // The first space is not part of the text; nothing else is held back.
        #expect(count == 2 * 200_000 - 1)
        #expect(decoder.finish() == "")
    }
}
