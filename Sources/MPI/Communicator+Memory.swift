extension Communicator {
    /// The bytes that each rank may take: the free memory of its host, divided by share among the ranks of the host.
    ///
    /// All ranks call it and get the same. A host's free memory is the least that one of its ranks reports; hosts are told
    /// apart by name. nil where a host tells nothing.
    ///
    /// - Parameter shares: of every rank, above zero.
    public func freeMemoryByShare(_ shares: [Double]) throws(MPIError) -> [Int]? {
        precondition(shares.count == size, "there is one share per rank")
        let reports = try gatherStrings(FreeMemory.ofThisProcess().map { "\($0)" } ?? "").map { Int($0) }
        return FreeMemory.divided(reports, hosts: hosts, shares: shares)
    }
}

/// The memory that this process may still take.
package enum FreeMemory {
    /// The smaller of what the system has free and what the control groups leave; nil where neither is known.
    static func ofThisProcess() -> Int? {
        bytes { SystemFile.text(of: $0) }
    }

    /// The same; `read` gives the text of a file.
    package static func bytes(read: (String) -> String?) -> Int? {
        let listing = read("/proc/self/cgroup") ?? ""
        return ([ofSystem(read("/proc/meminfo") ?? "")] + limits(listing, read)).compactMap { $0 }.min()
    }

    /// Each rank's part of the least that its host's ranks report; nil where a host's ranks report nothing.
    package static func divided(_ reports: [Int?], hosts: [String], shares: [Double]) -> [Int]? {
        var parts: [Int] = []
        for rank in reports.indices {
            let neighbours = reports.indices.filter { hosts[$0] == hosts[rank] }
            guard let free = neighbours.compactMap({ reports[$0] }).min() else { return nil }
            let total = neighbours.reduce(0) { $0 + shares[$1] }
            parts.append(Int(Double(free) * shares[rank] / total))
        }
        return parts
    }

    private static func ofSystem(_ text: String) -> Int? {
        text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
            .flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst().first }
            .flatMap { Int($0) }.map { $0 * 1024 }
    }

    /// What the control group and each that contains it leave.
    private static func limits(_ listing: String, _ read: (String) -> String?) -> [Int?] {
        listing.split(separator: "\n").flatMap { line -> [Int?] in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return [] }
            if fields[1].split(separator: ",").contains("memory") {
                return foldersUp(String(fields[2])).map { left("/sys/fs/cgroup/memory\($0)", .first, read) }
            }
            return fields[0] == "0" ? foldersUp(String(fields[2])).map { left("/sys/fs/cgroup\($0)", .second, read) } : []
        }
    }

    /// `/a/b`, `/a` and the empty path.
    private static func foldersUp(_ path: String) -> [String] {
        let names = path.split(separator: "/")
        return (0...names.count).reversed().map { names.prefix($0).map { "/\($0)" }.joined() }
    }

    /// The two kinds of control groups name their files differently.
    private enum Version {
        case first, second
    }

    /// The limit less what is used and cannot be given back; files in the page cache can.
    private static func left(_ folder: String, _ version: Version, _ read: (String) -> String?) -> Int? {
        let names =
            switch version {
            case .first: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            case .second: ("memory.max", "memory.current", "inactive_file")
            }
        guard let most = number(read("\(folder)/\(names.0)")), most < 1 << 60,
            let used = number(read("\(folder)/\(names.1)"))
        else { return nil }
        let cached = (read("\(folder)/memory.stat") ?? "").split(separator: "\n")
            .first { $0.hasPrefix("\(names.2) ") }.flatMap { number(String($0.dropFirst(names.2.count + 1))) }
        return max(0, most - max(0, used - (cached ?? 0)))
    }

    private static func number(_ text: String?) -> Int? {
        text.flatMap { $0.split(whereSeparator: \.isWhitespace).first }.flatMap { Int($0) }
    }
}
