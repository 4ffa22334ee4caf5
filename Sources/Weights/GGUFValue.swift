import Blueprint

/// A value of a GGUF file's metadata.
enum GGUFValue: Equatable, Sendable, CustomStringConvertible {
    case integer(Int)
    case float(Float)
    case double(Double)
    case boolean(Bool)
    case text(String)
    case array([GGUFValue])

    /// The numbers that the format has for the kinds of values.
    private enum Kind: UInt32 {
        case unsigned8, signed8, unsigned16, signed16, unsigned32, signed32, float, boolean, text, array
        case unsigned64, signed64, double

        /// Bytes that a value takes at least.
        var minimumByteCount: Int {
            switch self {
            case .unsigned8, .signed8, .boolean: 1
            case .unsigned16, .signed16: 2
            case .unsigned32, .signed32, .float: 4
            case .text, .unsigned64, .signed64, .double: 8
            case .array: 12
            }
        }
    }

    // The format sets no limit; no file goes beyond one.
    private static let maximumDepth = 4

    /// Reads a kind and a value of it.
    init(_ cursor: inout GGUFCursor, key: String) throws(WeightsError) {
        self = try Self.value(try Self.kind(&cursor, key), &cursor, key, depth: 0)
    }

    private static func kind(_ cursor: inout GGUFCursor, _ key: String) throws(WeightsError) -> Kind {
        let code = try cursor.integer(UInt32.self, "the kind of '\(key)'")
        guard let kind = Kind(rawValue: code) else { throw cursor.malformed("a kind of value for '\(key)'", "\(code)") }
        return kind
    }

    private static func value(
        _ kind: Kind, _ cursor: inout GGUFCursor, _ key: String, depth: Int
    ) throws(WeightsError) -> GGUFValue {
        switch kind {
        case .unsigned8: return .integer(Int(try cursor.integer(UInt8.self, key)))
        case .signed8: return .integer(Int(try cursor.integer(Int8.self, key)))
        case .unsigned16: return .integer(Int(try cursor.integer(UInt16.self, key)))
        case .signed16: return .integer(Int(try cursor.integer(Int16.self, key)))
        case .unsigned32: return .integer(Int(try cursor.integer(UInt32.self, key)))
        case .signed32: return .integer(Int(try cursor.integer(Int32.self, key)))
        case .signed64: return .integer(Int(try cursor.integer(Int64.self, key)))
        case .unsigned64:
            let number = try cursor.integer(UInt64.self, key)
            guard let integer = Int(exactly: number) else {
                throw cursor.malformed("'\(key)' to be at most \(Int.max)", "\(number)")
            }
            return .integer(integer)
        case .float: return .float(Float(bitPattern: try cursor.integer(UInt32.self, key)))
        case .double: return .double(Double(bitPattern: try cursor.integer(UInt64.self, key)))
        case .boolean:
            let byte = try cursor.integer(UInt8.self, key)
            guard byte <= 1 else { throw cursor.malformed("'\(key)' to be 0 or 1", "\(byte)") }
            return .boolean(byte == 1)
        case .text: return .text(try cursor.text("'\(key)'"))
        case .array:
            guard depth < maximumDepth else { throw cursor.malformed("'\(key)' in \(maximumDepth) levels", "more") }
            let kind = try Self.kind(&cursor, key)
            let count = try cursor.elementCount("'\(key)'", minimumByteCount: kind.minimumByteCount)
            var elements: [GGUFValue] = []
            elements.reserveCapacity(count)
            for _ in 0..<count { elements.append(try value(kind, &cursor, key, depth: depth + 1)) }
            return .array(elements)
        }
    }

    /// The value as JSON, for messages.
    var description: String { configurationValue.description }

    /// As a value of config.json; a float as the shortest number that rounds to it.
    var configurationValue: ConfigurationValue {
        switch self {
        case .integer(let number): .integer(number)
        case .float(let number): .real(Double("\(number)") ?? Double(number))
        case .double(let number): .real(number)
        case .boolean(let flag): .boolean(flag)
        case .text(let text): .string(text)
        case .array(let elements): .array(elements.map(\.configurationValue))
        }
    }
}
