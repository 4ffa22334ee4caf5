/// Reads Unicode scalars from UTF-8, and says where and how it is broken.
enum UTF8Reader {
    /// The scalars of the bytes; throws at the first byte that is wrong or incomplete.
    static func scalars(_ bytes: [UInt8]) throws(TextError) -> [UInt32] {
        var scalars: [UInt32] = []
        scalars.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            let lead = bytes[position]
            if lead < 0x80 {
                scalars.append(UInt32(lead))
                position += 1
                continue
            }
            guard let sequence = Lead(lead) else {
                let isContinuation = lead < 0xC0
                throw error(
                    bytes, position, 1, isContinuation ? "no character begins with it" : "no character contains it")
            }
            var scalar = sequence.bits
            for index in 1..<sequence.length {
                guard position + index < bytes.count else {
                    throw error(bytes, position, index, "the text ends inside a character")
                }
                let byte = bytes[position + index]
                let allowed = index == 1 ? sequence.second : 0x80...0xBF
                guard allowed.contains(byte) else {
                    throw error(bytes, position, index + 1, reason(lead, byte))
                }
                scalar = scalar << 6 | UInt32(byte & 0x3F)
            }
            scalars.append(scalar)
            position += sequence.length
        }
        return scalars
    }

    /// What a first byte says about its character.
    struct Lead {
        let length: Int
        let bits: UInt32
        /// The second byte's range: it excludes overlong forms, surrogates and what lies past U+10FFFF.
        let second: ClosedRange<UInt8>

        init?(_ lead: UInt8) {
            switch lead {
            case 0xC2...0xDF: (length, bits, second) = (2, UInt32(lead & 0x1F), 0x80...0xBF)
            case 0xE0: (length, bits, second) = (3, 0, 0xA0...0xBF)
            case 0xED: (length, bits, second) = (3, 0xD, 0x80...0x9F)
            case 0xE1...0xEF: (length, bits, second) = (3, UInt32(lead & 0xF), 0x80...0xBF)
            case 0xF0: (length, bits, second) = (4, 0, 0x90...0xBF)
            case 0xF4: (length, bits, second) = (4, 4, 0x80...0x8F)
            case 0xF1...0xF3: (length, bits, second) = (4, UInt32(lead & 7), 0x80...0xBF)
            default: return nil
            }
        }
    }

    /// How far the first bytes of a character have come.
    enum Progress { case complete, incomplete, broken }

    static func progress(_ bytes: [UInt8]) -> Progress {
        guard let lead = bytes.first, lead >= 0x80 else { return .complete }
        guard let sequence = Lead(lead) else { return .broken }
        for index in 1..<min(bytes.count, sequence.length) {
            let allowed = index == 1 ? sequence.second : 0x80...0xBF
            guard allowed.contains(bytes[index]) else { return .broken }
        }
        return bytes.count < sequence.length ? .incomplete : .complete
    }

    private static func reason(_ lead: UInt8, _ second: UInt8) -> String {
        switch (lead, second) {
        case (0xE0, 0x80...0x9F), (0xF0, 0x80...0x8F): "a longer form than the character has"
        case (0xED, 0xA0...0xBF): "a surrogate"
        case (0xF4, 0x90...0xBF): "past U+10FFFF"
        default: "the character is incomplete"
        }
    }

    private static func error(_ bytes: [UInt8], _ position: Int, _ count: Int, _ reason: String) -> TextError {
        let digits = bytes[position..<position + count].map { byte in
            (byte < 16 ? "0x0" : "0x") + String(byte, radix: 16, uppercase: true)
        }
        return .brokenText(offset: position, found: "\(digits.joined(separator: " ")) (\(reason))")
    }
}
