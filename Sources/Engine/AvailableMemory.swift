import Foundation

/// The memory that a process may still take on this host.
enum AvailableMemory {
    /// The smaller of the system's free memory and what the control group leaves; nil where neither can be read.
    static func byteCount() -> Int? {
        [systemByteCount(), controlGroupByteCount()].compactMap { $0 }.min()
    }

    /// `MemAvailable` of the kernel.
    private static func systemByteCount() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        return kibibytes * 1024
    }

    /// The limit of the control group less what it uses, in either version of control groups.
    private static func controlGroupByteCount() -> Int? {
        func number(_ path: String) -> Int? {
            (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        for (limit, usage) in controlGroupFiles() {
            if let most = number(limit), let used = number(usage), most < 1 << 60 { return max(0, most - used) }
        }
        return nil
    }

    /// Pairs of files that hold a limit and its use.
    private static func controlGroupFiles() -> [(limit: String, usage: String)] {
        let text = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").flatMap { line -> [(String, String)] in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return [] }
            let path = fields[2]
            if fields[1].isEmpty {
                let folder = "/sys/fs/cgroup\(path)"
                return [("\(folder)/memory.max", "\(folder)/memory.current")]
            }
            guard fields[1].split(separator: ",").contains("memory") else { return [] }
            return ["/sys/fs/cgroup/memory\(path)", "/sys/fs/cgroup/memory"].map {
                ("\($0)/memory.limit_in_bytes", "\($0)/memory.usage_in_bytes")
            }
        }
    }
}
