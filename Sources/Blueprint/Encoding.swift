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

    /// In memory, rows begin at multiples of so many bytes: the length of a cache line and of the longest vector load,
    /// so that no load of a kernel touches two lines.
    public static let rowAlignment = 64

    /// Bytes from the start of a row of `columns` elements in memory to the start of the next.
    public func rowByteCount(_ columns: Int) -> Int {
        (byteCount(columns) + Self.rowAlignment - 1) / Self.rowAlignment * Self.rowAlignment
    }
}
