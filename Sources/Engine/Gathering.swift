import MPI
import Partition

/// How one kind of vector is put together from uneven parts, worked out once.
final class Gathering {
    /// The units of each rank.
    let split: Split
    /// Columns of one unit.
    let perUnit: Int
    /// Columns that each rank sends, padding included.
    let heldColumns: [Int]  // [ranks]
    private var latest: (tokens: Int, parts: Parts)?

    init(_ split: Split, perUnit: Int, cutting: Cutting) {
        self.split = split
        self.perUnit = perUnit
        heldColumns = split.ranges.map { (cutting == .padded ? split.longest : $0.count) * perUnit }
    }

    /// The columns of the whole that come from a rank.
    func columns(of rank: Int) -> Range<Int> {
        split[rank].lowerBound * perUnit..<split[rank].upperBound * perUnit
    }

    /// The parts of a chunk of so many tokens.
    func parts(tokens: Int) -> Parts {
        if let latest, latest.tokens == tokens { return latest.parts }
        let parts = Parts(counts: heldColumns.map { $0 * tokens })
        latest = (tokens, parts)
        return parts
    }
}
