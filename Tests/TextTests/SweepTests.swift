import Testing
import Text

/// A component, the text that it is given for a code point, and what the reference makes of blocks of code points.
struct Sweep: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let blocks: [UInt32]
    let tokenizer: String
    let checksums: [UInt32]

    var testDescription: String { name }

    static let all: [Sweep] = (try? Fixtures.decoded("sweeps.json")) ?? []
}

@Suite struct SweepTests {
    @Test func sweepsCoverEveryClassAndForm() {
        let names = Set(Sweep.all.map(\.name))
        #expect(
            names.isSuperset(of: ["categories", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Digits", "\\s", "\\w"]))
        #expect(Sweep.all.first { $0.name == "categories" }?.blocks.count == 0x110)
    }

    @Test(arguments: Sweep.all)
    func everyCodePointIsTreatedAsInTheReference(sweep: Sweep) throws {
        let tokenizer = try Tokenizer(json: sweep.tokenizer)
        // By scalars: a brace and a mark after it are one character to Swift.
        let parts = sweep.text.unicodeScalars.split(separator: "{", omittingEmptySubsequences: false).map { part in
            part.first == "}" ? part.dropFirst() : part
        }
        for (block, checksum) in zip(sweep.blocks, sweep.checksums) {
            var text = String.UnicodeScalarView()
            // The generator marks what it has replaced with the first scalars of plane 16.
            for code in block..<block + 4096 where !(0x100000..<0x100040).contains(code) {
                guard let scalar = Unicode.Scalar(code) else { continue }
                text.append(contentsOf: parts[0])
                for part in parts.dropFirst() {
                    text.append(scalar)
                    text.append(contentsOf: part)
                }
            }
            let tokens = try tokenizer.encode(String(text))
            #expect(Fixtures.checksum(tokens) == checksum, "code points from U+\(String(block, radix: 16))")
        }
    }
}
