/// How an axis is shared out: one range of units per rank, in rank order.
///
/// Ranges of key-value heads may overlap, because they follow from those of the query heads; all others touch.
public struct Split: Sendable, Hashable {
    /// One range per rank; an empty one is legal and costs nothing.
    public let ranges: [Range<Int>]
    /// The length of the longest range.
    public let longest: Int

    /// Consecutive ranges of these lengths, from unit 0.
    public init(counts: [Int]) {
        var ranges: [Range<Int>] = []
        var start = 0
        for count in counts {
            ranges.append(start..<start + count)
            start += count
        }
        self.init(ranges: ranges)
    }

    /// Ranges that may overlap.
    public init(ranges: [Range<Int>]) {
        self.ranges = ranges
        longest = ranges.reduce(0) { max($0, $1.count) }
    }

    /// The range of a rank.
    public subscript(rank: Int) -> Range<Int> { ranges[rank] }

    /// The units of each rank.
    public var counts: [Int] { ranges.map(\.count) }

    /// The number of ranks.
    public var rankCount: Int { ranges.count }

    /// The number of units of the axis.
    public var unitCount: Int { ranges.reduce(0) { max($0, $1.upperBound) } }

    /// How many units are held by more than one rank, each counted once per rank after the first.
    public var repeatedUnitCount: Int {
        ranges.indices.reduce(0) { $0 + repeatedUnitCount(rank: $1) }
    }

    /// How many units of a rank an earlier rank holds too.
    public func repeatedUnitCount(rank: Int) -> Int {
        let reached = ranges[..<rank].reduce(0) { max($0, $1.upperBound) }
        return max(0, min(reached, ranges[rank].upperBound) - ranges[rank].lowerBound)
    }
}
