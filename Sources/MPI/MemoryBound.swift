internal import Glibc

/// One of the things that limit the memory of a process.
package struct MemoryBound: Sendable, Hashable {
    /// What sets it: `system`, the folder of a control group, or the name of a limit.
    package let source: String
    /// The bytes that are left.
    package let byteCount: Int
    /// Whether other processes of the host take from the same bytes.
    package let isShared: Bool

    /// A bound.
    package init(_ source: String, _ byteCount: Int, isShared: Bool = true) {
        self.source = source
        self.byteCount = byteCount
        self.isShared = isShared
    }
}

extension MemoryBound {
    /// All that limit this process.
    static func ofThisProcess() -> [MemoryBound] {
        let system = available(systemText: SystemFile.text(of: "/proc/meminfo") ?? "")
        let groups = ControlGroup.memoryBounds()
        let own = limits(
            statusText: SystemFile.text(of: "/proc/self/status") ?? "",
            addressSpace: limit(__rlimit_resource_t(RLIMIT_AS.rawValue)),
            data: limit(__rlimit_resource_t(RLIMIT_DATA.rawValue)))
        return (system.map { [MemoryBound("system", $0)] } ?? []) + groups + own
    }

    /// `MemAvailable` in the text of `/proc/meminfo`, in bytes.
    package static func available(systemText: String) -> Int? {
        SystemFile.byteCount(of: "MemAvailable", in: systemText)
    }

    /// What the limits on a process's address space and on its private data leave, where `statusText` is its
    /// `/proc/self/status` and nil means no limit.
    ///
    /// Since Linux 4.7 all private memory that can be written counts as data, not only the heap.
    package static func limits(statusText: String, addressSpace: Int?, data: Int?) -> [MemoryBound] {
        [("address space", addressSpace, "VmSize"), ("data", data, "VmData")].compactMap { source, limit, key in
            let taken = SystemFile.byteCount(of: key, in: statusText) ?? 0
            return limit.map { MemoryBound(source, max(0, $0 - taken), isShared: false) }
        }
    }

    private static func limit(_ resource: __rlimit_resource_t) -> Int? {
        var limits = rlimit()
        guard unsafe getrlimit(resource, &limits) == 0 else { return nil }
        // Infinity is greater than any Int.
        return Int(exactly: limits.rlim_cur)
    }
}

/// As ranks tell each other.
extension MemoryBound {
    /// A line for each bound: whether it is shared, the bytes, the source.
    package static func text(of bounds: [MemoryBound]) -> String {
        bounds.map { "\($0.isShared ? 1 : 0) \($0.byteCount) \($0.source)" }.joined(separator: "\n")
    }

    /// What ``text(of:)`` wrote.
    package static func bounds(_ text: String) -> [MemoryBound] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", maxSplits: 2)
            guard fields.count == 3, let byteCount = Int(fields[1]) else { return nil }
            return MemoryBound(String(fields[2]), byteCount, isShared: fields[0] == "1")
        }
    }
}
