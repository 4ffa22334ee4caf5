import Testing
import Text

@Suite struct BrokenTextTests {
    /// Broken bytes, how many of them the error must show, and the reason that it must give.
    static let broken: [(bytes: [UInt8], shown: Int, reason: String)] = [
        ([0x80], 1, "no character begins with it"), ([0xBF, 0x61], 1, "no character begins with it"),
        ([0xC0, 0x80], 1, "no character contains it"), ([0xC1, 0xBF], 1, "no character contains it"),
        ([0xF5, 0x80, 0x80, 0x80], 1, "no character contains it"), ([0xFE], 1, "no character contains it"),
        ([0xFF], 1, "no character contains it"),
        ([0xC3], 1, "the text ends inside a character"), ([0xE2, 0x82], 2, "the text ends inside a character"),
        ([0xF0, 0x9F, 0x98], 3, "the text ends inside a character"),
        ([0xC3, 0x28], 2, "the character is incomplete"), ([0xE2, 0x28, 0xA1], 2, "the character is incomplete"),
        ([0xE2, 0x82, 0x28], 3, "the character is incomplete"), ([0xE2, 0x82, 0xC3], 3, "the character is incomplete"),
        ([0xF0, 0x9F, 0x98, 0x61], 4, "the character is incomplete"),
        ([0xE0, 0x80, 0x80], 2, "a longer form than the character has"),
        ([0xE0, 0x9F, 0xBF], 2, "a longer form than the character has"),
        ([0xF0, 0x80, 0x80, 0x80], 2, "a longer form than the character has"),
        ([0xF0, 0x8F, 0xBF, 0xBF], 2, "a longer form than the character has"),
        ([0xED, 0xA0, 0x80], 2, "a surrogate"), ([0xED, 0xBF, 0xBF], 2, "a surrogate"),
        ([0xF4, 0x90, 0x80, 0x80], 2, "past U+10FFFF"), ([0xF4, 0xBF, 0xBF, 0xBF], 2, "past U+10FFFF"),
    ]

    @Test(arguments: broken)
    func brokenUTF8IsRefusedWithItsPlace(bytes: [UInt8], shown: Int, reason: String) throws {
        let tokenizer = try Fixtures.tokenizer("llama-a")
        for before in ["", "é中😀 x"] {
            let digits = bytes.prefix(shown).map { "0x" + String($0, radix: 16, uppercase: true) }
            let expected = TextError.brokenText(
                offset: before.utf8.count, found: "\(digits.joined(separator: " ")) (\(reason))")
            #expect(throws: expected) { try tokenizer.encode(utf8: Array(before.utf8) + bytes) }
        }
    }

    @Test func everyPairOfBytesIsRefusedExactlyWhenSwiftRepairsIt() throws {
        let tokenizer = try Fixtures.tokenizer("alice")
        for first in UInt8.min...UInt8.max {
            for second in stride(from: UInt8.min, through: UInt8.max, by: 1) {
                let bytes = [first, second]
                let isValid = Array(String(decoding: bytes, as: UTF8.self).utf8) == bytes
                let isAccepted = (try? tokenizer.encode(utf8: bytes)) != nil
                #expect(isAccepted == isValid, "\(bytes)")
            }
        }
    }

    @Test func theBordersOfUnicodeAreAccepted() throws {
        let tokenizer = try Fixtures.tokenizer("llama-a")
        for scalar in [
            "\u{0}", "\u{7F}", "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}",
            "\u{10FFFF}",
        ] {
            let tokens = try tokenizer.encode(utf8: Array(scalar.utf8), addSpecialTokens: false)
            #expect(try tokenizer.decode(tokens, skipSpecialTokens: false) == scalar)
        }
    }
}
