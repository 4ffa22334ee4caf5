/// A byte for every code point, in two stages: equal blocks of 256 are stored once.
struct ScalarTable: Sendable {
    private var blockOf: [UInt16] = []  // [code point / 256]
    private var values: [UInt8] = []  // [blocks, 256]

    /// Expands runs: length and value in turns, over all of 0...0x10FFFF.
    init(runs packed: String) {
        var flat: [UInt8] = []
        flat.reserveCapacity(0x110000)
        var numbers = PackedNumbers(packed)
        while let length = numbers.next(), let value = numbers.next() {
            flat.append(contentsOf: repeatElement(UInt8(value), count: length))
        }
        precondition(flat.count == 0x110000, "the runs cover every code point once")
        var known: [ArraySlice<UInt8>: UInt16] = [:]
        for start in stride(from: 0, to: flat.count, by: 256) {
            let block = flat[start..<start + 256]
            if let number = known[block] {
                blockOf.append(number)
            } else {
                let number = UInt16(known.count)
                known[block] = number
                blockOf.append(number)
                values.append(contentsOf: block)
            }
        }
    }

    @inline(__always)
    subscript(scalar: UInt32) -> UInt8 {
        values[Int(blockOf[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
    }
}
