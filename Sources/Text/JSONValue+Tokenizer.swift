import JSON

extension JSONValue {
    /// The value of a tokenizer's file, or the error that says where it is none.
    init(tokenizer bytes: [UInt8]) throws(TextError) {
        do throws(JSONError) {
            self = try JSONValue(parsing: bytes)
        } catch {
            throw .syntax(offset: error.offset, expected: error.expected, found: error.found)
        }
    }

    /// The value in a few words, for error messages.
    var summary: String {
        switch self {
        case .object: "an object"
        case .array(let elements): "an array of \(elements.count)"
        case .string(let text): "'\(String(decoding: text.utf8.prefix(60), as: UTF8.self))'"
        case .number(let digits): digits
        case .boolean(let value): "\(value)"
        case .null: "null"
        }
    }

    /// The value as a whole number from 0 to 2^24, more than any vocabulary has entries; nil if it is another or none.
    var index: Int? { count.flatMap { $0 <= 1 << 24 ? $0 : nil } }
}
