import Compute

/// The 64-bit hash of the panels and texts of a weights file.
///
/// XXH64 as specified in https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md.
public enum XXH64 {
    /// The hash of `bytes`.
    public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        unsafe Digest.xxh64(bytes, seed: seed)
    }

    /// The hash of an array of bytes.
    public static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe hash($0, seed: seed) }
    }

    /// The hashes of pieces of `byteCount` bytes next to each other; the last one may be shorter.
    static func hashes(of bytes: UnsafeRawBufferPointer, byteCount: Int) -> [UInt64] {
        let (whole, rest) = bytes.count.quotientAndRemainder(dividingBy: byteCount)
        var hashes = [UInt64](repeating: 0, count: whole + (rest > 0 ? 1 : 0))
        unsafe hashes.withUnsafeMutableBufferPointer { hashes in
            unsafe Digest.xxh64(
                piecesOf: bytes, byteCount: byteCount,
                into: UnsafeMutableBufferPointer(rebasing: hashes[..<whole]))
        }
        if rest > 0 { hashes[whole] = unsafe hash(UnsafeRawBufferPointer(rebasing: bytes[(whole * byteCount)...])) }
        return hashes
    }

    /// A hash as text: 16 lower-case hexadecimal digits.
    public static func text(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
