extension Communicator {
    /// The bytes that the processes of this host may still take; nil if the system does not tell.
    ///
    /// The smaller of what the kernel holds available (`MemAvailable`) and what the control group of this process and
    /// all that contain it leave, where page cache that can be given up counts as free.
    public static func availableMemory() -> Int? {
        MemoryShare.available(
            systemText: SystemFile.text(of: "/proc/meminfo") ?? "", controlGroup: ControlGroup.availableMemory())
    }

    /// The bytes that each rank may still take, in rank order; nil if any host's memory is unknown.
    ///
    /// A host's memory is the least that any of its ranks sees available; its ranks divide it in proportion to their
    /// `shares`, or equally if these are all zero. `shares` has one number per rank, none negative, and is the same on
    /// every rank; so is the result. The ranks of a host are those that can share memory (`ranksOfThisHost`), so that
    /// hosts of the same name stay apart. All ranks call this function.
    public func freeMemoryByShare(_ shares: [Double]) throws(MPIError) -> [Int]? {
        precondition(shares.count == size, "there is one share per rank")
        let hostNumbers = try gatherStrings("\(ranksOfThisHost().reporter)")
        let available = try gatherStrings(Self.availableMemory().map { "\($0)" } ?? "").map { Int($0) }
        return MemoryShare.byteCounts(shares, hosts: hostNumbers, available: available)
    }
}

/// How memory is divided among the ranks of a host.
package enum MemoryShare {
    /// The smaller of `MemAvailable` in the text of `/proc/meminfo` and what the control group leaves, in bytes; nil if
    /// neither is known.
    package static func available(systemText: String, controlGroup: Int?) -> Int? {
        let key = "MemAvailable:"
        let line = systemText.split(separator: "\n").first { $0.hasPrefix(key) }
        let kibibytes = line?.dropFirst(key.count).split(separator: " ").first.flatMap { Int($0) }
        let system = kibibytes.flatMap { $0 >= 0 && $0 <= Int.max / 1024 ? $0 * 1024 : nil }
        return [system, controlGroup].compactMap { $0 }.min()
    }

    /// The bytes of each rank, where `hosts` names the ranks' hosts and `available` says what each rank sees available
    /// there, nil for unknown.
    ///
    /// The result is nil if no rank of some host knows.
    package static func byteCounts(_ shares: [Double], hosts: [String], available: [Int?]) -> [Int]? {
        precondition(shares.allSatisfy { $0 >= 0 && $0.isFinite }, "a share is a number that is not negative")
        var byteCounts: [Int] = []
        for rank in shares.indices {
            let neighbours = shares.indices.filter { hosts[$0] == hosts[rank] }
            guard let host = neighbours.compactMap({ available[$0] }).min() else { return nil }
            let sum = neighbours.reduce(0) { $0 + shares[$1] }
            let part = sum > 0 ? shares[rank] / sum : 1 / Double(neighbours.count)
            // A huge host's memory rounds up to a number that does not fit.
            byteCounts.append(Int(exactly: (Double(host) * part).rounded(.down)) ?? host)
        }
        return byteCounts
    }
}
