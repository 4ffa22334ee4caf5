/// The control group that limits a process's processor time, as Linux and container engines do.
package struct ControlGroup: Equatable {
    /// Where the kernel lists the group.
    package let path: String

    /// The processor time that the group may use, in cores; nil for no limit.
    package let quota: Double?
}

extension ControlGroup {
    /// The group of this process; without a limit if the system has no such groups.
    static func ofThisProcess() -> ControlGroup {
        ofProcess(listing: SystemFile.text(of: "/proc/self/cgroup") ?? "") { SystemFile.text(of: $0) }
    }

    /// The group that `listing`, the text of `/proc/self/cgroup`, names; `read` gives the text of a file.
    package static func ofProcess(listing: String, read: (String) -> String?) -> ControlGroup {
        for line in listing.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let path = String(fields[2])
            if fields[1].split(separator: ",").contains("cpu") {
                return ControlGroup(path: path, quota: tightest(path) { oldQuota("/sys/fs/cgroup/cpu\($0)", read) })
            }
            if fields[0] == "0", let quota = tightest(path, { newQuota("/sys/fs/cgroup\($0)", read) }) {
                return ControlGroup(path: path, quota: quota)
            }
        }
        return ControlGroup(path: "", quota: nil)
    }

    /// The least quota of the group and of all that contain it.
    private static func tightest(_ path: String, _ quota: (String) -> Double?) -> Double? {
        var names = path.split(separator: "/")
        var least = quota("")
        while !names.isEmpty {
            if let own = quota("/" + names.joined(separator: "/")) { least = min(own, least ?? own) }
            names.removeLast()
        }
        return least
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
        return quota / period
    }

    private static func number(_ text: String?) -> Double? {
        text.flatMap { $0.split(whereSeparator: \.isWhitespace).first }.flatMap { Double($0) }
    }
}
