import Testing
import Text

@Suite struct ReferenceTests {
    @Test func fixturesAreManyLinesAndTokenizers() throws {
        #expect(Fixtures.lines.count >= 4000)
        #expect(Fixtures.names.filter { !$0.hasPrefix("own-") }.count == 9)
        let compared = try Fixtures.names.reduce(0) { $0 + (try Expected($1)).tokens.count }
        #expect(compared >= 20_000)
    }

    @Test(arguments: Fixtures.names)
    func encodesLinesAsTheReferenceDoes(name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        let expected = try Expected(name)
        for line in expected.lines {
            let tokens = try tokenizer.encode(line.text, addSpecialTokens: false)
            #expect(tokens == line.tokens, "line \(line.index): \(line.text.debugDescription)")
            #expect(try tokenizer.encode(utf8: Array(line.text.utf8), addSpecialTokens: false) == line.tokens)
        }
    }

    @Test(arguments: Fixtures.names)
    func putsTheTokensAroundATextThatTheReferencePuts(name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        let expected = try Expected(name)
        let special = Dictionary(uniqueKeysWithValues: expected.special.map { ($0.line, $0.tokens) })
        for line in expected.lines where !special.isEmpty ? special[line.index] != nil : line.index < 500 {
            #expect(try tokenizer.encode(line.text) == special[line.index] ?? line.tokens)
        }
    }

    @Test(arguments: Fixtures.names)
    func decodesLinesAsTheReferenceDoes(name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        let expected = try Expected(name)
        for line in expected.lines {
            let tokens = try tokenizer.encode(line.text)
            for skips in [false, true] {
                guard let text = expected.decoding(of: line.index, skipsSpecialTokens: skips) else { continue }
                let decoded = try tokenizer.decode(tokens, skipSpecialTokens: skips)
                // Strings would compare by canonical equivalence.
                #expect(Array(decoded.utf8) == Array(text.utf8), "line \(line.index), skips: \(skips)")
            }
        }
    }

    @Test(arguments: Fixtures.names)
    func decodesRandomTokensAsTheReferenceDoes(name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        for random in try Expected(name).random {
            for (skips, text) in [(false, random.decoded), (true, random.skipped)] {
                guard let text else { continue }
                let decoded = try tokenizer.decode(random.tokens, skipSpecialTokens: skips)
                #expect(Array(decoded.utf8) == Array(text.utf8), "\(random.tokens), skips: \(skips)")
            }
        }
    }

    @Test(arguments: ["llama-a", "llama-b", "mistral-a", "qwen2-a", "qwen2-b", "qwen3-a", "gemma2-a", "phi3-a"])
    func givesWhatTheReferenceCheckpointsRecord(name: String) throws {
        struct Case: Decodable {
            let text: String
            let ids: [Int]
            let ids_with_special: [Int]
            let decoded: String
            let decoded_skip_special: String
        }
        let tokenizer = try Fixtures.tokenizer(name)
        let cases: [Case] = try Fixtures.decoded("cases/\(name).json")
        #expect(cases.count == 25)
        for value in cases {
            #expect(try tokenizer.encode(value.text, addSpecialTokens: false) == value.ids)
            #expect(try tokenizer.encode(value.text) == value.ids_with_special)
            let decoded = try tokenizer.decode(value.ids, skipSpecialTokens: false)
            #expect(Array(decoded.utf8) == Array(value.decoded.utf8))
            let skipped = try tokenizer.decode(value.ids_with_special, skipSpecialTokens: true)
            #expect(Array(skipped.utf8) == Array(value.decoded_skip_special.utf8))
        }
    }

    /// A quadratic step would take minutes here.
    @Test(.timeLimit(.minutes(2)))
    func longRunsOfTheSameTextEncodeAsInTheReference() throws {
        struct Long: Decodable {
            struct Text: Decodable {
                let unit: String
                let count: Int
                let checksum: UInt32
            }
            let name: String
            let texts: [Text]
        }
        for value in try Fixtures.decoded("long.json") as [Long] {
            let tokenizer = try Fixtures.tokenizer(value.name)
            for text in value.texts {
                let tokens = try tokenizer.encode("x" + String(repeating: text.unit, count: text.count) + "y")
                #expect(Fixtures.checksum(tokens) == text.checksum, "\(value.name): \(text.unit.debugDescription)")
            }
        }
    }
}
