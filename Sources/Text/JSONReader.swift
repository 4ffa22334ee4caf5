/// Parses JSON (RFC 8259) from bytes.
struct JSONReader {
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "/"): 0x2F, UInt8(ascii: "b"): 0x08,
        UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
    ]

    /// Parses a whole document, and throws where it leaves the grammar.
    static func parse(_ bytes: [UInt8]) throws(TextError) -> JSONValue {
        var reader = JSONReader(bytes: bytes)
        reader.skipWhitespace()
        let value = try reader.value()
        reader.skipWhitespace()
        guard reader.position == bytes.count else { throw reader.error(expected: "the end of the file") }
        return value
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func value() throws(TextError) -> JSONValue {
        // A tokenizer nests about ten levels; the limit keeps a hostile file from exhausting the stack.
        guard depth < 128 else { throw error(expected: "at most 128 levels of nesting") }
        depth += 1
        defer { depth -= 1 }
        switch current {
        case UInt8(ascii: "{"): return .object(try members())
        case UInt8(ascii: "["): return .array(try elements())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func members() throws(TextError) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        try expect("{")
        skipWhitespace()
        if skip("}") { return members }
        repeat {
            skipWhitespace()
            let key = try string()
            skipWhitespace()
            try expect(":")
            skipWhitespace()
            members.append(.init(key: key, value: try value()))
            skipWhitespace()
        } while skip(",")
        try expect("}")
        return members
    }

    private mutating func elements() throws(TextError) -> [JSONValue] {
        var elements: [JSONValue] = []
        try expect("[")
        skipWhitespace()
        if skip("]") { return elements }
        repeat {
            skipWhitespace()
            elements.append(try value())
            skipWhitespace()
        } while skip(",")
        try expect("]")
        return elements
    }

    private mutating func string() throws(TextError) -> [UInt8] {
        try expect("\"")
        var result: [UInt8] = []
        while true {
            let start = position
            while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
                position += 1
            }
            result.append(contentsOf: bytes[start..<position])
            if skip("\"") { return result }
            guard skip("\\") else { throw error(expected: "a character of a string") }
            try escape(into: &result)
        }
    }

    private mutating func escape(into result: inout [UInt8]) throws(TextError) {
        if let byte = current, let meaning = Self.escapes[byte] {
            position += 1
            result.append(meaning)
            return
        }
        guard skip("u") else { throw error(expected: "an escape sequence") }
        let start = position
        var code = try hexadecimal()
        if (0xD800..<0xDC00).contains(code), skip("\\"), skip("u") {
            let low = try hexadecimal()
            // A high surrogate without its partner stays one, and is refused below.
            if (0xDC00..<0xE000).contains(low) { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
        }
        guard let scalar = Unicode.Scalar(code) else {
            position = start
            throw error(expected: "a pair of surrogates")
        }
        result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    private mutating func hexadecimal() throws(TextError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw error(expected: "four hexadecimal digits")
            }
            code = code * 16 + UInt32(digit)
            position += 1
        }
        return code
    }

    private mutating func number() throws(TextError) -> Double {
        let start = position
        while let byte = current, "+-.eE0123456789".utf8.contains(byte) { position += 1 }
        guard position > start, let number = Double(String(decoding: bytes[start..<position], as: UTF8.self)),
            number.isFinite
        else {
            position = start
            throw error(expected: "a value")
        }
        return number
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(TextError) -> JSONValue {
        guard bytes[position...].starts(with: word.utf8) else { throw error(expected: "a value") }
        position += word.utf8.count
        return value
    }

    private var current: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func skipWhitespace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let byte = current, UInt32(byte) == character.value else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(TextError) {
        guard skip(character) else { throw error(expected: "'\(character)'") }
    }

    private func error(expected: String) -> TextError {
        guard let byte = current else {
            return .syntax(offset: position, expected: expected, found: "the end of the file")
        }
        let isPrintable = (0x20..<0x7F).contains(byte)
        let found = isPrintable ? "'\(Unicode.Scalar(byte))'" : "byte 0x\(String(byte, radix: 16, uppercase: true))"
        return .syntax(offset: position, expected: expected, found: found)
    }
}
