extension Communicator {
    /// The number of cores for this rank's threads, at least 1; all ranks of the job call it.
    ///
    /// Counts the cores that the rank may run on, each divided by the ranks of its host that may run on it too, and no
    /// more than its part of a quota that the kernel sets on processor time.
    public func fairCores() throws(MPIError) -> Int {
        let neighbours = try ranksOfThisHost()
        let status = SystemFile.text(of: "/proc/self/status") ?? ""
        let lists = try neighbours.gatherStrings(CoreShare.allowedList(status)).map(CoreShare.allowed)
        let group = ControlGroup.ofThisProcess()
        let allGroups = try neighbours.gatherStrings(group.path)
        return CoreShare.cores(
            lists[neighbours.rank], among: lists, quota: group.quota,
            quotaSharers: allGroups.count { $0 == group.path })
    }
}

/// How cores are divided among the ranks of a host.
package enum CoreShare {
    /// The whole cores that fall to a rank which may run on `own`, where `all` lists the cores of every rank of the
    /// host.
    ///
    /// `quota` is in cores, and shared by `quotaSharers` ranks.
    package static func cores(_ own: [Int], among all: [[Int]], quota: Double?, quotaSharers: Int) -> Int {
        var sharers: [Int: Int] = [:]
        for core in all.joined() { sharers[core, default: 0] += 1 }
        let share = own.reduce(0.0) { $0 + 1 / Double(sharers[$1] ?? 1) }
        let limit = quota.map { $0 / Double(max(1, quotaSharers)) } ?? .infinity
        // Thirds do not add up to a whole in binary.
        return max(1, Int(min(share, limit) + 1e-6))
    }

    /// The value of `Cpus_allowed_list` in the text of `/proc/self/status`, such as `0-3,8`; empty if it is not there.
    package static func allowedList(_ status: String) -> String {
        let key = "Cpus_allowed_list:"
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else { return "" }
        return String(line.dropFirst(key.count).drop(while: \.isWhitespace))
    }

    /// The cores of a list such as `0-3,8`.
    package static func allowed(_ list: String) -> [Int] {
        list.split(separator: ",").flatMap { run in
            let ends = run.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [Int]() }
            return Array(first...last)
        }
    }
}
