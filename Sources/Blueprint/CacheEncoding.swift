/// How the keys and values of earlier positions are stored.
public enum CacheEncoding: String, Sendable, Hashable, Codable, CaseIterable {
    /// IEEE 754 binary32: as they were computed.
    case f32
    /// The upper half of a binary32.
    case bf16
    /// IEEE 754 binary16.
    case f16
    /// Signed bytes, times a binary16 for every 32 elements of a head at one position.
    case q8

    /// Positions lie together in memory in groups of so many.
    public static let positionGroup = 16
    /// Elements of a head that share a scale.
    public static let scaledElements = 32
    /// Positions whose part of an attention is computed by itself.
    public static let attentionBlock = 256

    /// Bytes of one element, without scales.
    public var bytesPerElement: Int {
        switch self {
        case .f32: 4
        case .bf16, .f16: 2
        case .q8: 1
        }
    }

    /// Bytes of a head's key or value at one position, scales included.
    public func byteCount(headSize: Int) -> Int {
        headSize * bytesPerElement + scaleCount(headSize: headSize) * Scalar.f16.bytesPerElement
    }

    /// Scales of a head at one position.
    public func scaleCount(headSize: Int) -> Int {
        switch self {
        case .f32, .bf16, .f16: 0
        case .q8: (headSize + Self.scaledElements - 1) / Self.scaledElements
        }
    }

    /// Positions that memory for so many has.
    public static func rounded(positions: Int) -> Int {
        (positions + positionGroup - 1) / positionGroup * positionGroup
    }

    /// Elements of a value in memory, with its padding.
    public static func paddedHeadSize(_ headSize: Int) -> Int { (headSize + 15) / 16 * 16 }

    /// Bytes in memory of the keys and values of so many heads and positions, with all padding.
    public func memoryByteCount(heads: Int, positions: Int, headSize: Int) -> Int {
        let count = heads * Self.rounded(positions: positions)
        let scales = Encoding.aligned(Scalar.f16.byteCount(count * scaleCount(headSize: headSize)))
        return Encoding.aligned(count * headSize * bytesPerElement)
            + Encoding.aligned(count * Self.paddedHeadSize(headSize) * bytesPerElement) + 2 * scales
    }

    /// Numbers that keep apart what the blocks of so many positions give one query: each a padded value, and sixteen
    /// for its maximum and sum.
    public static func attentionRecords(headSize: Int, positions: Int) -> Int {
        (positions + attentionBlock - 1) / attentionBlock * (paddedHeadSize(headSize) + 16)
    }
}
