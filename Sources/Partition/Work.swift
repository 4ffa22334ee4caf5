/// What a rank reads from memory and computes in one forward pass.
public struct Work: Sendable, Hashable, Codable {
    /// Bytes of weights, each read once.
    public var weightByteCount: Int
    /// Bytes of keys and values of earlier positions, each read once, and of states, read and written.
    public var cacheByteCount: Int
    /// Multiplications and additions of products, attention and states.
    public var operationCount: Int

    /// Work of these counts.
    public init(weightByteCount: Int = 0, cacheByteCount: Int = 0, operationCount: Int = 0) {
        self.weightByteCount = weightByteCount
        self.cacheByteCount = cacheByteCount
        self.operationCount = operationCount
    }

    /// All bytes.
    public var byteCount: Int { weightByteCount + cacheByteCount }

    /// Both.
    public static func + (first: Work, second: Work) -> Work {
        Work(
            weightByteCount: first.weightByteCount + second.weightByteCount,
            cacheByteCount: first.cacheByteCount + second.cacheByteCount,
            operationCount: first.operationCount + second.operationCount)
    }
}
