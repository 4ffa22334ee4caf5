import Glibc
import MPI

/// A scenario in which ranks divide the memory of their host.
struct Memory {
    let world: Communicator
    private var rank: Int { world.rank }
    private var size: Int { world.size }

    /// Divides it among all ranks, among those of a group, and where nobody asks for any.
    func freeMemoryByShare() throws -> Int32 {
        guard let own = Communicator.availableMemory() else {
            throw Wrong(description: "the kernel does not tell how much memory is available")
        }
        try expect("within the host's memory", own > 0 && own <= installedByteCount, true)
        try divides(world, (0..<size).map { Double($0 * $0 + 1) })
        try divides(world, (0..<size).map { $0 == size - 1 ? 0.25 : 0 })
        let even = try world.freeMemoryByShare(Array(repeating: 0, count: size)) ?? []
        try expect("equal parts", Set(even).count, 1)
        let group = try world.split(color: rank % 2, key: -rank)
        try divides(group, (0..<group.size).map { Double($0 + 1) })
        try expect("traffic", world.traffic, Traffic())
        return 0
    }

    /// All ranks are on this host: their bytes are to each other as their shares, and together no more than there is.
    private func divides(_ group: Communicator, _ shares: [Double]) throws {
        let byteCounts = try group.freeMemoryByShare(shares) ?? []
        try group.requireSame("memory of the ranks", "\(byteCounts)", remedy: "agree")
        try expect("ranks with memory", byteCounts.count, shares.count)
        let total = byteCounts.reduce(0, +)
        try expect("within the host's memory", total > 0 && total <= installedByteCount, true)
        for (byteCount, share) in zip(byteCounts, shares) {
            let part = Double(byteCount) / Double(total)
            guard abs(part - share / shares.reduce(0, +)) < 1e-6 else {
                throw Wrong(description: "\(byteCounts) for the shares \(shares)")
            }
        }
    }

    private var installedByteCount: Int {
        sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    }
}
