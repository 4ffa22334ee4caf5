/// The memory that each rank may use, as a user gives it.
public struct MemoryLimits: Sendable, Hashable {
    /// In rank order.
    public var byteCounts: [Int]

    /// Limits per rank, written as `128GB:48GB`: in KB, MB, GB or TB, which count by thousands, in KiB, MiB, GiB or
    /// TiB, which count by 1024, or in B; capitals do not matter.
    ///
    /// - Throws: ``PartitionError`` where a part is not a number above zero with such a unit.
    public init(list: String) throws(PartitionError) {
        byteCounts = []
        for (rank, part) in list.split(separator: ":", omittingEmptySubsequences: false).enumerated() {
            guard let byteCount = Self.byteCount(part) else {
                throw .memoryNotASize(rank: rank, found: String(part))
            }
            byteCounts.append(byteCount)
        }
    }

    private static func byteCount(_ text: Substring) -> Int? {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        let unit = text.dropFirst(digits.count).lowercased()
        guard let number = Double(digits), let size = sizes[unit.hasPrefix(" ") ? String(unit.dropFirst()) : unit],
            let byteCount = Int(exactly: (number * size).rounded(.down)), byteCount > 0
        else { return nil }
        return byteCount
    }

    private static let sizes: [String: Double] = [
        "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 0x1p10, "mib": 0x1p20, "gib": 0x1p30,
        "tib": 0x1p40,
    ]
}
