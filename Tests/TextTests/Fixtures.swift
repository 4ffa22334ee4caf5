import Foundation
import Text

/// The committed fixtures; `Resources/make_fixtures.py` says how the reference library made them.
enum Fixtures {
    private static let folder = Bundle.module.bundleURL.appendingPathComponent("Resources")

    /// The tokenizers that come with what the reference makes of the lines.
    static let names: [String] = {
        let files = try? FileManager.default.contentsOfDirectory(atPath: folder.path + "/tokenizers")
        return (files ?? []).map { String($0.dropLast(".json".count)) }.sorted()
    }()

    /// Texts of mixed scripts.
    static let lines: [String] = (try? decoded("lines.json")) ?? []

    static func tokenizer(_ name: String) throws -> Tokenizer {
        try Tokenizer(json: bytes("tokenizers/\(name).json"))
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appendingPathComponent(path)))
    }

    static func decoded<Value: Decodable>(_ path: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(try bytes(path)))
    }

    /// Numbers of base-32 digits, least significant first, of which those from 32 on are followed by another.
    static func unpacked(_ text: String) -> [Int] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var numbers: [Int] = []
        var number = 0
        var unit = 1
        for character in text.utf8 {
            let digit = alphabet.firstIndex(of: character) ?? 0
            number += digit % 32 * unit
            unit *= 32
            if digit < 32 {
                numbers.append(number)
                number = 0
                unit = 1
            }
        }
        return numbers
    }

    /// The checksum of identifiers that stands for them where there are many.
    static func checksum(_ ids: [Int]) -> UInt32 {
        ids.reduce(0) { $0 &* 31 &+ UInt32($1) &+ 1 }
    }
}

/// What the reference makes of every `step`th line from `first`.
struct Expected: Decodable {
    let first: Int
    let step: Int
    let tokens: [String]
    let special: [Special]
    let decoded: [String: String?]
    let skipped: [String: String?]
    let random: [RandomCase]

    struct Special: Decodable {
        let line: Int
        let tokens: [Int]

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            line = try container.decode(Int.self)
            tokens = Fixtures.unpacked(try container.decode(String.self))
        }
    }

    /// Random identifiers and their decodings; nil where the reference fails.
    struct RandomCase: Decodable {
        let tokens: [Int]
        let decoded: String?
        let skipped: String?

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            tokens = Fixtures.unpacked(try container.decode(String.self))
            decoded = try container.decode(String?.self)
            skipped = try container.decode(String?.self)
        }
    }

    init(_ name: String) throws {
        self = try Fixtures.decoded("expected/\(name).json")
    }

    /// The lines and their tokens without those around them.
    var lines: [(index: Int, text: String, tokens: [Int])] {
        tokens.enumerated().map { position, tokens in
            let index = first + position * step
            return (index, Fixtures.lines[index], Fixtures.unpacked(tokens))
        }
    }

    /// What decoding a line's tokens gives; the inner nil says that the reference fails.
    func decoding(of index: Int, skipsSpecialTokens: Bool) -> String? {
        let decoded = decoded["\(index)"] ?? Fixtures.lines[index]
        return skipsSpecialTokens ? skipped["\(index)"] ?? decoded : decoded
    }
}
