extension Communicator {
    /// The bytes that the processes of this host may still take; nil if the system does not tell.
    ///
    /// The smallest of what the kernel holds available (`MemAvailable`), what the control group of this process and all
    /// that contain it leave, where page cache counts as free, and what this process's own limits leave (`ulimit -v`
    /// and `ulimit -d`).
    public static func availableMemory() -> Int? {
        MemoryBound.ofThisProcess().map(\.byteCount).min()
    }

    /// The most memory that this process has held at a time, in bytes, its program and libraries with it; nil if the
    /// system does not tell. Corresponds to `VmHWM` of `/proc/self/status`.
    public static func peakMemory() -> Int? {
        SystemFile.text(of: "/proc/self/status").flatMap { SystemFile.byteCount(of: "VmHWM", in: $0) }
    }

    /// What limits the memory of the ranks, each bound with the ranks that divide it; nil if any host's memory is
    /// unknown.
    ///
    /// Ranks of one host share its memory, those of one control group what that group leaves, and each has its own
    /// limits. The ranks of a host are those that can share memory (`ranksOfThisHost`), so that hosts of the same name
    /// stay apart. All ranks call this function, and get the same.
    public func memoryPools() throws(MPIError) -> [MemoryPool]? {
        let hostNumbers = try gatherStrings("\(ranksOfThisHost().reporter)")
        let bounds = try gatherStrings(MemoryBound.text(of: MemoryBound.ofThisProcess())).map(MemoryBound.bounds)
        return MemoryPool.pools(bounds, hosts: hostNumbers)
    }

    /// The bytes that each rank may still take, in rank order; nil if any host's memory is unknown.
    ///
    /// The ranks of each of ``memoryPools()`` divide it in proportion to their `shares`, or equally if these are all
    /// zero. `shares` has one number per rank, none negative, and is the same on every rank; so is the result. All
    /// ranks call this function.
    public func freeMemoryByShare(_ shares: [Double]) throws(MPIError) -> [Int]? {
        precondition(shares.count == size, "there is one share per rank")
        return try memoryPools().map { MemoryPool.byteCounts(shares, pools: $0) }
    }
}

/// Memory that some ranks divide.
public struct MemoryPool: Sendable, Hashable {
    /// The ranks, in rising order.
    public let ranks: [Int]
    /// The bytes that they may still take together.
    public let byteCount: Int

    /// Memory of so many bytes that these ranks divide.
    public init(ranks: [Int], byteCount: Int) {
        self.ranks = ranks
        self.byteCount = byteCount
    }

    /// The pools of ranks, where `hosts` names each rank's host; nil if no rank of some host knows any bound.
    ///
    /// Where ranks see different amounts of the same memory, the least counts.
    package static func pools(_ bounds: [[MemoryBound]], hosts: [String]) -> [MemoryPool]? {
        var order: [[String]] = []
        var pools: [[String]: (ranks: [Int], byteCount: Int)] = [:]
        for (rank, own) in bounds.enumerated() {
            for bound in own {
                let key = [hosts[rank], bound.source] + (bound.isShared ? [] : ["\(rank)"])
                if pools[key] == nil { order.append(key) }
                let pool = pools[key, default: ([], .max)]
                pools[key] = (pool.ranks + [rank], min(pool.byteCount, bound.byteCount))
            }
        }
        let known = Set(zip(bounds, hosts).filter { $0.0.contains(where: \.isShared) }.map(\.1))
        guard known.isSuperset(of: hosts) else { return nil }
        return order.compactMap { key in pools[key].map { MemoryPool(ranks: $0.ranks, byteCount: $0.byteCount) } }
    }

    /// The bytes of each rank, where the ranks of each pool divide it by `shares`.
    package static func byteCounts(_ shares: [Double], pools: [MemoryPool]) -> [Int] {
        precondition(shares.allSatisfy { $0 >= 0 && $0.isFinite }, "a share is a number that is not negative")
        var byteCounts = shares.map { _ in Int.max }
        for pool in pools {
            let sum = pool.ranks.reduce(0) { $0 + shares[$1] }
            for rank in pool.ranks {
                let part = sum > 0 ? shares[rank] / sum : 1 / Double(pool.ranks.count)
                // A huge host's memory rounds up to a number that does not fit.
                let own = Int(exactly: (Double(pool.byteCount) * part).rounded(.down)) ?? pool.byteCount
                byteCounts[rank] = min(byteCounts[rank], own)
            }
        }
        return byteCounts
    }
}
