/// A parsed JSON document that keeps every key apart that differs in its bytes.
///
/// Foundation's dictionaries compare keys by canonical equivalence, and so lose one of two vocabulary entries that
/// differ only in being composed or decomposed. Here strings are UTF-8 bytes and objects are lists of members.
indirect enum JSONValue: Sendable {
    case object([Member])
    case array([JSONValue])
    case string([UInt8])
    case number(Double)
    case boolean(Bool)
    case null

    struct Member: Sendable {
        let key: [UInt8]
        let value: JSONValue
    }
}

extension JSONValue {
    /// The value in a few words, for error messages.
    var summary: String {
        switch self {
        case .object: "an object"
        case .array(let elements): "an array of \(elements.count)"
        case .string(let bytes): "'\(String(decoding: bytes.prefix(60), as: UTF8.self))'"
        case .number(let number): "\(number)"
        case .boolean(let value): "\(value)"
        case .null: "null"
        }
    }

    /// The member with this key; the last one if there are several.
    subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key.elementsEqual(key.utf8) }?.value
    }
}
