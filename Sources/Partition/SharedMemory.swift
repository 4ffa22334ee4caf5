/// Memory that some ranks divide, such as that of a host.
public struct SharedMemory: Sendable, Hashable {
    /// The ranks.
    public var ranks: [Int]
    /// The bytes that they may use together.
    public var byteCount: Int

    /// Memory of so many bytes that these ranks divide.
    public init(ranks: [Int], byteCount: Int) {
        self.ranks = ranks
        self.byteCount = byteCount
    }
}

extension Policy {
    /// Whether it is known what memory ranks may use.
    var hasMemoryLimits: Bool { memoryByteCounts != nil || !sharedMemory.isEmpty }

    /// The bytes that each rank may use where they need so many; nil for no limit.
    ///
    /// Ranks divide what they share in proportion to what they need, so that all fit whenever their sum does.
    func memoryLimits(needed: [Int]) -> [Int?] {
        var limits: [Int?] = memoryByteCounts ?? needed.map { _ in nil }
        for pool in sharedMemory {
            let sum = pool.ranks.reduce(Int128(0)) { $0 + Int128(needed[$1]) }
            for rank in pool.ranks {
                let part = sum > 0 ? Int128(pool.byteCount) * Int128(needed[rank]) / sum : Int128(pool.byteCount)
                limits[rank] = min(limits[rank] ?? .max, Int(clamping: part))
            }
        }
        return limits
    }
}
