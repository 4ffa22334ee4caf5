/// The control group that limits a process's processor time and memory, as Linux and container engines do.
package struct ControlGroup: Equatable {
    /// Where the kernel lists the group.
    package let path: String

    /// The processor time that the group may use, in cores; nil for no limit.
    package let quota: Double?
}

extension ControlGroup {
    /// The group of this process; without a limit if the system has no such groups.
    static func ofThisProcess() -> ControlGroup {
        ofProcess(listing: SystemFile.text(of: list) ?? "") { SystemFile.text(of: $0) }
    }

    /// The group that `listing`, the text of `/proc/self/cgroup`, names; `read` gives the text of a file.
    package static func ofProcess(listing: String, read: (String) -> String?) -> ControlGroup {
        for place in places(of: "cpu", listing: listing) {
            switch place.version {
            case .old:
                return ControlGroup(path: place.path, quota: place.folders.compactMap { oldQuota($0, read) }.min())
            case .new:
                guard let quota = place.folders.compactMap({ newQuota($0, read) }).min() else { continue }
                return ControlGroup(path: place.path, quota: quota)
            }
        }
        return ControlGroup(path: "", quota: nil)
    }

    private static func newQuota(_ folder: String, _ read: (String) -> String?) -> Double? {
        let fields = read("\(folder)/cpu.max")?.split(whereSeparator: \.isWhitespace) ?? []
        guard fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]), period > 0 else {
            return nil
        }
        return quota / period
    }

    private static func oldQuota(_ folder: String, _ read: (String) -> String?) -> Double? {
        guard let quota = number(read("\(folder)/cpu.cfs_quota_us")), quota > 0,
            let period = number(read("\(folder)/cpu.cfs_period_us")), period > 0
        else { return nil }
        return Double(quota) / Double(period)
    }
}

/// What memory the groups leave.
extension ControlGroup {
    /// What this process's group and all that contain it leave.
    static func memoryBounds() -> [MemoryBound] {
        memoryBounds(listing: SystemFile.text(of: list) ?? "") { SystemFile.text(of: $0) }
    }

    /// The bytes that the group which `listing` names and each that contains it may still take; none without a limit.
    ///
    /// Page cache counts as free: the kernel gives it up before it refuses memory.
    package static func memoryBounds(listing: String, read: (String) -> String?) -> [MemoryBound] {
        places(of: "memory", listing: listing).flatMap { place in
            place.folders.compactMap { folder in
                availableMemory(of: folder, place.version, read).map { MemoryBound(folder, $0) }
            }
        }
    }

    private static func availableMemory(of folder: String, _ version: Version, _ read: (String) -> String?) -> Int? {
        let statistics = read("\(folder)/memory.stat") ?? ""
        func statistic(_ name: String) -> Int? {
            let line = statistics.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
            return line.flatMap { number(String($0.dropFirst(name.count))) }
        }
        let limits: [Int?]
        let usage: Int?
        let cache: [Int?]
        switch version {
        case .old:
            // In a container the groups outside are seen by their limit alone.
            limits = [number(read("\(folder)/memory.limit_in_bytes")), statistic("hierarchical_memory_limit")]
            usage = number(read("\(folder)/memory.usage_in_bytes"))
            cache = [statistic("total_inactive_file"), statistic("total_active_file")]
        case .new:
            // Beyond `high` the kernel slows the group down until nothing moves.
            limits = [number(read("\(folder)/memory.max")), number(read("\(folder)/memory.high"))]
            usage = number(read("\(folder)/memory.current"))
            cache = [statistic("inactive_file"), statistic("active_file")]
        }
        let limit = limits.compactMap { $0 }.filter { $0 >= 0 && $0 < noLimit }.min()
        guard let limit, let usage else { return nil }
        return max(0, limit - max(0, usage - cache.compactMap { $0 }.reduce(0, +)))
    }

    // Old groups without a limit tell the greatest number of whole pages.
    private static let noLimit = 1 << 60
}

/// Where the groups are.
extension ControlGroup {
    private static let list = "/proc/self/cgroup"

    private enum Version {
        case old, new
    }

    /// A group with all that contain it, as one controller sees them.
    private struct Place {
        let version: Version
        let path: String
        let root: String

        /// The folders of the group and of all that contain it, innermost first.
        ///
        /// The root is always among them: in a container, where the path may not be there, it is the group itself.
        var folders: [String] {
            let names = path.split(separator: "/")
            return (0...names.count).reversed().map { count in
                ([root] + names.prefix(count).map(String.init)).joined(separator: "/")
            }
        }
    }

    /// The groups that may limit what `controller` counts, in the order of the listing.
    private static func places(of controller: String, listing: String) -> [Place] {
        listing.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            let path = String(fields[2])
            if fields[1].split(separator: ",").contains(Substring(controller)) {
                return Place(version: .old, path: path, root: "/sys/fs/cgroup/\(controller)")
            }
            return fields[0] == "0" ? Place(version: .new, path: path, root: "/sys/fs/cgroup") : nil
        }
    }

    private static func number(_ text: String?) -> Int? {
        text.flatMap { $0.split(whereSeparator: \.isWhitespace).first }.flatMap { Int($0) }
    }
}
