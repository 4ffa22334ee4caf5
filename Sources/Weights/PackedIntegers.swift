/// Integers of 2, 3, 5 or 6 bits that follow each other without gaps, the lowest bits of a byte first: as `quantize` of
/// mlx packs them, whose words are little-endian.
struct PackedIntegers {
    let bits: Int

    // So many fill whole bytes, here and in both parts of a weights file.
    private static let runLength = 8

    /// Takes runs of eight integers apart.
    ///
    /// - Parameters:
    ///   - bytes: `bits` bytes for each run.
    ///   - lowBits: the lowest 4 bits of each, half a byte each: 4 bytes for a run.
    ///   - highBits: the others, where there are: `bits - 4` bytes for a run.
    func split(
        _ bytes: UnsafeRawBufferPointer, into lowBits: UnsafeMutableRawBufferPointer,
        _ highBits: UnsafeMutableRawBufferPointer?
    ) {
        let mask: UInt64 = 1 << UInt64(bits) - 1
        for run in 0..<bytes.count / bits {
            var packed: UInt64 = 0
            for byte in 0..<bits { unsafe packed |= UInt64(bytes[run * bits + byte]) << UInt64(8 * byte) }
            var (low, high): (UInt64, UInt64) = (0, 0)
            for place in 0..<UInt64(Self.runLength) {
                let integer = packed >> (place * UInt64(bits)) & mask
                low |= (integer & 15) << (4 * place)
                if bits > 4 { high |= (integer >> 4) << (place * UInt64(bits - 4)) }
            }
            for byte in 0..<4 { unsafe lowBits[4 * run + byte] = UInt8(truncatingIfNeeded: low >> UInt64(8 * byte)) }
            guard let highBits = unsafe highBits else { continue }
            for byte in 0..<bits - 4 {
                unsafe highBits[(bits - 4) * run + byte] = UInt8(truncatingIfNeeded: high >> UInt64(8 * byte))
            }
        }
    }
}
