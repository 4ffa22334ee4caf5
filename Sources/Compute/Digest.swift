internal import CKernels

/// Checksums of memory, at the speed that it is read with.
public enum Digest {
    /// The XXH64 of some bytes.
    public static func xxh64(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        unsafe lockstep_hash(bytes.baseAddress, bytes.count, seed)
    }

    /// The XXH64 of pieces of equal length next to each other, one for each element of `hashes`.
    ///
    /// - Parameter instructionSet: the hashes are the same with every one.
    public static func xxh64(
        piecesOf bytes: UnsafeRawBufferPointer, byteCount: Int, into hashes: UnsafeMutableBufferPointer<UInt64>,
        by instructionSet: InstructionSet = .chosen
    ) {
        precondition(hashes.count * byteCount <= bytes.count, "The pieces must lie in the bytes.")
        unsafe lockstep_hash_pieces(
            instructionSet.code, bytes.baseAddress, byteCount, byteCount, hashes.count, hashes.baseAddress)
    }
}
