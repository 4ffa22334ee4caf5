/// Reads numbers from printable text: base-32 digits, least significant first, in the alphabet of base64url, of which
/// the second half says that another digit follows.
struct PackedNumbers: Sequence, IteratorProtocol {
    private var characters: String.UTF8View.Iterator

    init(_ text: String) {
        characters = text.utf8.makeIterator()
    }

    mutating func next() -> Int? {
        var number = 0
        var shift = 0
        while let character = characters.next() {
            let digit = Self.digit(character)
            number |= (digit & 31) << shift
            if digit < 32 { return number }
            shift += 5
        }
        return nil
    }

    private static func digit(_ character: UInt8) -> Int {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "-"): 62
        default: 63
        }
    }
}
