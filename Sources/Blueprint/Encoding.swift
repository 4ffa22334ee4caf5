/// How the elements of a stored weight are written, in the weights file and in memory.
public enum Encoding: String, Sendable, Hashable, Codable, CaseIterable {
    /// IEEE 754 binary32.
    case f32
    /// The upper half of a binary32: 8 exponent bits, 7 fraction bits.
    case bf16
    /// IEEE 754 binary16.
    case f16

    /// Bytes of one element.
    public var bytesPerElement: Int {
        switch self {
        case .f32: 4
        case .bf16, .f16: 2
        }
    }

    /// Bytes of `count` consecutive elements.
    public func byteCount(_ count: Int) -> Int { count * bytesPerElement }
}
