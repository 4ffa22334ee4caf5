/// A strict parser of RFC 8259 over bytes.
struct JSONParser {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    // Deep enough for any real file, shallow enough for the stack.
    private static let maximumDepth = 64

    mutating func document() throws(JSONValue.Malformed) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard offset == bytes.count else { throw malformed("text after the end") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONValue.Malformed) -> JSONValue {
        guard depth < Self.maximumDepth else { throw malformed("more than \(Self.maximumDepth) levels") }
        skipSpace()
        switch peek() {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(depth: Int) throws(JSONValue.Malformed) -> JSONValue {
        var members: [JSONValue.Member] = []
        offset += 1
        skipSpace()
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else { throw malformed("a key expected") }
            let key = try string()
            skipSpace()
            guard take(":") else { throw malformed("':' expected") }
            members.append(JSONValue.Member(key: key, value: try value(depth: depth + 1)))
            skipSpace()
        } while take(",")
        guard take("}") else { throw malformed("',' or '}' expected") }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONValue.Malformed) -> JSONValue {
        var elements: [JSONValue] = []
        offset += 1
        skipSpace()
        if take("]") { return .array(elements) }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while take(",")
        guard take("]") else { throw malformed("',' or ']' expected") }
        return .array(elements)
    }

    private mutating func number() throws(JSONValue.Malformed) -> String {
        let start = offset
        _ = take("-")
        let hasLeadingZero = peek() == UInt8(ascii: "0")
        let digitCount = takeDigits()
        guard digitCount > 0, !(hasLeadingZero && digitCount > 1) else { throw malformed("a value expected") }
        if take(".") {
            guard takeDigits() > 0 else { throw malformed("a digit expected") }
        }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            guard takeDigits() > 0 else { throw malformed("a digit expected") }
        }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private mutating func string() throws(JSONValue.Malformed) -> String {
        offset += 1
        var text: [UInt8] = []
        while let byte = peek() {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw malformed("broken UTF-8 before")
                }
                return string
            case UInt8(ascii: "\\"): text += Array(String(try escape()).utf8)
            case 0..<0x20: throw malformed("a control character")
            default: text.append(byte)
            }
        }
        throw malformed("a string without end")
    }

    private mutating func escape() throws(JSONValue.Malformed) -> Unicode.Scalar {
        let byte = peek()
        offset += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func unicodeEscape() throws(JSONValue.Malformed) -> Unicode.Scalar {
        var code = try fourHexDigits()
        if (0xd800..<0xdc00).contains(code), take("\\"), take("u") {
            let low = try fourHexDigits()
            guard (0xdc00..<0xe000).contains(low) else { throw malformed("half a surrogate pair") }
            code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw malformed("half a surrogate pair") }
        return scalar
    }

    private mutating func fourHexDigits() throws(JSONValue.Malformed) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw malformed("four hexadecimal digits expected")
            }
            code = code << 4 + UInt32(digit)
            offset += 1
        }
        return code
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONValue.Malformed) -> JSONValue {
        for byte in word.description.utf8 {
            guard peek() == byte else { throw malformed("a value expected") }
            offset += 1
        }
        return value
    }

    private mutating func takeDigits() -> Int {
        let start = offset
        while let byte = peek(), byte >= 0x30, byte <= 0x39 { offset += 1 }
        return offset - start
    }

    private mutating func take(_ expected: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: expected) else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
            offset += 1
        }
    }

    private func peek() -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private func malformed(_ reason: String) -> JSONValue.Malformed {
        JSONValue.Malformed(reason: reason, offset: offset)
    }
}
