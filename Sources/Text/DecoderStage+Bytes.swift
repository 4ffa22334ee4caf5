private let replacementCharacter: UInt32 = 0xFFFD

/// Turns tokens such as `<0x0A>` into bytes and their bytes into characters.
///
/// A run of such tokens that is not UTF-8 as a whole becomes one U+FFFD per byte. Therefore a run is held back until
/// another token ends it, or until it is broken.
struct ByteFallbackStage: DecoderStage {
    private var run: [UInt8] = []
    private var character: [UInt8] = []  // the last bytes of the run, if they are the beginning of a character
    private var isBroken = false

    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void) {
        guard let byte = Self.byte(token) else {
            finish(next)
            next(token)
            return
        }
        guard !isBroken else {
            next([replacementCharacter])
            return
        }
        run.append(byte)
        character.append(byte)
        switch UTF8Reader.progress(character) {
        case .complete:
            character.removeAll(keepingCapacity: true)
        case .incomplete:
            break
        case .broken:
            replaceRun(next)
            isBroken = true
        }
    }

    mutating func finish(_ next: ([UInt32]) -> Void) {
        if !character.isEmpty {
            replaceRun(next)
        } else if !run.isEmpty {
            next(String(decoding: run, as: UTF8.self).unicodeScalars.map(\.value))
            run.removeAll()
        }
        isBroken = false
    }

    private mutating func replaceRun(_ next: ([UInt32]) -> Void) {
        for _ in run { next([replacementCharacter]) }
        run.removeAll()
        character.removeAll()
    }

    /// The byte of a token `<0xHH>`.
    private static func byte(_ token: [UInt32]) -> UInt8? {
        guard token.count == 6, token.starts(with: [0x3C, 0x30, 0x78]), token[5] == 0x3E else { return nil }
        return UInt8(UTF8Writer.string(Array(token[3..<5])), radix: 16)
    }
}

/// Turns GPT-2's spelling of bytes back into bytes, and these into characters as soon as they are whole.
///
/// As Rust's `from_utf8_lossy` does, each longest beginning of a character that is not continued becomes one U+FFFD.
struct ByteLevelStage: DecoderStage {
    private var character: [UInt8] = []

    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void) {
        var result: [UInt32] = []
        for byte in ByteLevel.bytes(of: token) { receive(byte, &result) }
        if !result.isEmpty { next(result) }
    }

    mutating func finish(_ next: ([UInt32]) -> Void) {
        if !character.isEmpty { next([replacementCharacter]) }
        character.removeAll()
    }

    private mutating func receive(_ byte: UInt8, _ result: inout [UInt32]) {
        character.append(byte)
        switch UTF8Reader.progress(character) {
        case .complete:
            result.append(contentsOf: String(decoding: character, as: UTF8.self).unicodeScalars.lazy.map(\.value))
            character.removeAll(keepingCapacity: true)
        case .incomplete:
            break
        case .broken:
            let isAlone = character.count == 1
            result.append(replacementCharacter)
            character.removeAll(keepingCapacity: true)
            // The byte that broke the character may begin another.
            if !isAlone { receive(byte, &result) }
        }
    }
}
