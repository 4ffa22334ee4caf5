/// GPT-2's printable spelling of bytes: each of the 256 bytes is one visible character.
enum ByteLevel {
    /// Printable bytes stand for themselves, the others for U+0100 and up.
    static let scalars: [UInt32] = {
        var next: UInt32 = 0x100
        return (UInt32(0)...255).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
            default:
                next += 1
                return next - 1
            }
        }
    }()

    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = UInt8(byte) }
        return bytes
    }()

    /// Appends the spelling of the scalar's UTF-8 bytes.
    static func spell(_ scalar: UInt32, into result: inout [UInt32]) {
        if scalar < 0x80 {
            result.append(scalars[Int(scalar)])
        } else if let scalar = Unicode.Scalar(scalar) {
            for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                result.append(scalars[Int(byte)])
            }
        }
    }

    /// The bytes that a token spells; the token's own UTF-8 if a character of it spells none.
    static func bytes(of token: [UInt32]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(token.count)
        for scalar in token {
            guard scalar < 0x144, let byte = bytes[Int(scalar)] else { return UTF8Writer.bytes(token[...]) }
            result.append(byte)
        }
        return result
    }
}
