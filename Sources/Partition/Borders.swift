import Blueprint

/// Where an axis may be cut whose units are columns of a weight.
struct Borders: Hashable {
    /// Units between borders, most first. Each divides the one before it, and the last is 1 where groups may be cut.
    ///
    /// A cut on the first holds no scale twice.
    let steps: [Int]

    private init(steps: [Int]) { self.steps = steps }

    /// The borders of a weight's groups, then those of the blocks in which it lies in memory, of eight columns, which
    /// are whole bytes in every form, and of one column.
    ///
    /// - Parameters:
    ///   - grouping: that of the weight; nil where none is cut by columns, or where each column stands by itself.
    ///   - perUnit: columns of one unit.
    ///   - isPadded: whether zeros follow the columns of a range. In a group with an offset no integer stands for zero:
    ///     such groups are not cut then.
    init(_ grouping: Grouping?, perUnit: Int, isPadded: Bool) {
        guard let grouping else {
            steps = [1]
            return
        }
        let largest = grouping.scale == .nested ? Grouping.superSize : grouping.size
        let least = isPadded && grouping.hasOffsets ? grouping.size : 1
        let columns = [largest, grouping.size, Grouping.blockColumns, 8, 1].filter { (least...largest).contains($0) }
        steps = Set(columns.map { $0 / Self.greatestCommonDivisor($0, perUnit) }).sorted(by: >)
    }

    /// The borders that lie on multiples of `units` too.
    func onMultiples(of units: Int) -> Borders {
        let multiples = steps.map { $0 / Self.greatestCommonDivisor($0, units) * units }
        return Borders(steps: Set(multiples).sorted(by: >))
    }

    /// Those of these borders that divide `units`: where runs of as many lie end to end, the same in every run.
    func dividing(_ units: Int) -> Borders { Borders(steps: steps.filter { units.isMultiple(of: $0) }) }

    private static func greatestCommonDivisor(_ first: Int, _ second: Int) -> Int {
        var (divisor, remainder) = (first, second)
        while remainder != 0 { (divisor, remainder) = (remainder, divisor % remainder) }
        return divisor
    }
}
