import Testing
import Text

/// A regular expression, and the lengths of the pieces into which the reference cuts lines at it.
struct PatternFixture: Decodable, Sendable, CustomTestStringConvertible {
    let pattern: String
    let first: Int
    let step: Int
    let lengths: [String]

    var testDescription: String { pattern }

    static let all: [PatternFixture] = (try? Fixtures.decoded("patterns.json")) ?? []
}

@Suite struct PatternTests {
    @Test func thereArePatterns() {
        #expect(PatternFixture.all.count > 50)
    }

    @Test(arguments: PatternFixture.all)
    func cutsLinesWhereTheReferenceDoes(fixture: PatternFixture) throws {
        let tokenizer = try Self.tokenizer(cuttingAt: fixture.pattern)
        for (offset, lengths) in fixture.lengths.enumerated() {
            let line = Fixtures.lines[fixture.first + offset * fixture.step]
            let expected = Self.tokens(of: line, cutInto: Fixtures.unpacked(lengths))
            #expect(try tokenizer.encode(line) == expected, "\(line.debugDescription)")
        }
    }

    /// What stands before every character but the first of a piece.
    private static let mark = "\u{10FFFE}"

    /// The bytes of the line, with the mark before every character but the first of a piece.
    private static func tokens(of line: String, cutInto lengths: [Int]) -> [Int] {
        var scalars = line.unicodeScalars[...]
        return lengths.flatMap { length in
            let piece = scalars.prefix(length)
            scalars = scalars.dropFirst(length)
            return piece.enumerated().flatMap { index, scalar in
                ((index > 0 ? mark : "") + String(scalar)).utf8.map(Int.init)
            }
        }
    }

    /// A tokenizer that shows where it cuts: its tokens are bytes, and inside a piece each character has a prefix.
    private static func tokenizer(cuttingAt pattern: String) throws -> Tokenizer {
        let escaped = pattern.replacing(#"\"#, with: #"\\"#).replacing("\"", with: "\\\"")
        let bytes = (0..<256).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return #""<0x\#(byte < 16 ? "0" : "")\#(digits)>":\#(byte)"#
        }
        let split = #"{"type":"Split","pattern":{"Regex":"\#(escaped)"},"behavior":"Isolated","invert":false}"#
        let model =
            #"{"vocab":{\#(bytes.joined(separator: ","))},"merges":[],"byte_fallback":true,"#
            + #""continuing_subword_prefix":"\#(mark)"}"#
        return try Tokenizer(json: #"{"pre_tokenizer":\#(split),"model":\#(model)}"#)
    }
}
