import Foundation

/// Standard output carries the product, everything else goes to standard error.
enum Output {
    /// Writes a part of the product at once.
    static func product(_ text: String) throws {
        guard !text.isEmpty else { return }
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            throw InputError(
                "standard output: expected to write \(text.utf8.count) bytes, found \(error.localizedDescription); "
                    + "see that its disk has room and its reader is alive")
        }
    }

    /// Writes a line about the work.
    static func remark(_ line: String) {
        try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
    }

    /// Writes a line about the work in which names and values from files may be: what would move a terminal's cursor or
    /// change its colours is escaped.
    static func line(_ line: String) {
        var text = ""
        for scalar in line.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        remark(text)
    }

    /// Writes a JSON object as the product; what is no finite number becomes a string.
    static func json(_ value: some Encodable) throws { try product(jsonText(value)) }

    /// A JSON object and the end of its line.
    static func jsonText(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}
