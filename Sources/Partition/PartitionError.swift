public import Blueprint

/// Why there is no plan.
public enum PartitionError: Error, Sendable, Hashable {
    /// There are no shares, hence no ranks.
    case noRanks
    /// A share is not written as a number.
    case shareNotANumber(rank: Int, found: String)
    /// A share is zero, negative or not finite.
    case shareNotPositive(rank: Int, found: Double)
    /// There are more or fewer shares than ranks.
    case shareCount(expected: Int, found: Int, shares: String)
    /// There are more or fewer memory limits than ranks.
    case memoryCount(expected: Int, found: Int)
    /// The context is shorter than one token or longer than the model was made for.
    case context(found: Int, longest: Int)
    /// A prompt would be computed in pieces of less than one token.
    case chunk(found: Int)
    /// A rank would hold no unit of any axis.
    ///
    /// `axis` is the one with the most units; `workingRankCount` ranks would each hold something.
    case idleRank(rank: Int, axis: Axis, share: Double, workingRankCount: Int)
    /// A rank would need more memory than it may use.
    case memory(MemoryShortage)
}

extension PartitionError: CustomStringConvertible {
    /// `where: expected, found; what to do`.
    public var description: String {
        switch self {
        case .noRanks:
            "shares: expected a number above zero per rank, found none; give at least one"
        case .shareNotANumber(let rank, let found):
            "shares: expected a number above zero for rank \(rank), found '\(found)'; write shares as 5:3:2"
        case .shareNotPositive(let rank, let found):
            "shares: expected a finite number above zero for rank \(rank), found \(Figure.number(found)); "
                + "give it a part of the work or leave the rank out"
        case .shareCount(let expected, let found, let shares):
            "shares: expected one number for each of \(expected) \(expected == 1 ? "rank" : "ranks"), "
                + "found \(found) in '\(shares)'; give \(expected) or start \(found)"
        case .memoryCount(let expected, let found):
            "memory: expected one limit for each of \(expected) ranks, found \(found); give \(expected)"
        case .context(let found, let longest):
            "context: expected from 1 to \(longest) tokens, for which the model was made, found \(found); "
                + "use --context \(found < 1 ? 1 : longest)"
        case .chunk(let found):
            "chunk: expected at least 1 token, found \(found); use --chunk 1 or more"
        case .idleRank(let rank, let axis, let share, let workingRankCount):
            "rank \(rank): expected at least one unit of some axis, found none for its share \(Figure.number(share)) "
                + "(the longest axis, \(axis), has \(axis.count)); "
                + "use \(workingRankCount) \(workingRankCount == 1 ? "rank" : "ranks") or a larger share"
        case .memory(let shortage):
            shortage.description
        }
    }
}
