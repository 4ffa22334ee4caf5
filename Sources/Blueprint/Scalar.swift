/// A floating-point type of stored numbers.
public enum Scalar: String, Sendable, Hashable, Codable, CaseIterable {
    /// IEEE 754 binary32.
    case f32
    /// The upper half of a binary32: 8 exponent bits, 7 fraction bits.
    case bf16
    /// IEEE 754 binary16.
    case f16

    /// Bytes of one number.
    public var bytesPerElement: Int {
        switch self {
        case .f32: 4
        case .bf16, .f16: 2
        }
    }

    /// Bytes of `count` consecutive numbers.
    public func byteCount(_ count: Int) -> Int { count * bytesPerElement }

    /// Bytes from the start of a row of `columns` numbers in memory to the start of the next.
    public func rowByteCount(_ columns: Int) -> Int { Encoding.aligned(byteCount(columns)) }
}
