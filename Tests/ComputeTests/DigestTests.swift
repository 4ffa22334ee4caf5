import Compute
import Testing

@Suite struct DigestTests {
    /// Every length of the last stripe, on every instruction set, of as many as are taken at once and what is left.
    @Test func piecesHaveTheHashThatEachHasAlone() {
        let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 167 ^ $0 >> 5) }
        for instructionSet in InstructionSet.supported {
            for byteCount in [1, 3, 4, 7, 8, 31, 32, 33, 63, 64, 100, 1023, 1024, 1031] {
                for count in Array(0...9) + [11, 16] {
                    unsafe bytes.withUnsafeBytes { bytes in
                        // At an odd place.
                        let pieces = unsafe UnsafeRawBufferPointer(rebasing: bytes[3..<3 + count * byteCount])
                        var hashes = [UInt64](repeating: 0, count: count)
                        unsafe hashes.withUnsafeMutableBufferPointer { hashes in
                            unsafe Digest.xxh64(
                                piecesOf: pieces, byteCount: byteCount, into: hashes, by: instructionSet)
                        }
                        let expected = (0..<count).map { piece in
                            unsafe Digest.xxh64(
                                UnsafeRawBufferPointer(rebasing: pieces[piece * byteCount..<(piece + 1) * byteCount]))
                        }
                        #expect(hashes == expected, "\(instructionSet) \(count) x \(byteCount)")
                    }
                }
            }
        }
    }
}
