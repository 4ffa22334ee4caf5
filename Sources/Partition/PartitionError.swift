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
    /// A line of a shares file is not a host and a finite number above zero.
    case shareLine(path: String, line: Int, found: String)
    /// A shares file names a host again.
    case hostTwice(path: String, line: Int, firstLine: Int, host: String)
    /// A shares file has nothing but comments.
    case noShareLines(path: String)
    /// A shares file names neither a host nor its short form.
    case hostWithoutShare(host: String, known: [String])
    /// A shares file has several hosts with the short form of one that it does not name.
    case hostAmbiguous(host: String, found: [String])
    /// A memory limit is not written as a number above zero with a unit.
    case memoryNotASize(rank: Int, found: String)
    /// There are more or fewer memory limits than ranks.
    case memoryCount(expected: Int, found: Int)
    /// The context is shorter than one token or longer than the model was made for.
    case context(found: Int, longest: Int)
    /// A prompt would be computed in pieces of less than one token.
    case chunk(found: Int)
    /// Vectors were to travel in fewer bits where results have to be the same on any number of ranks.
    case wireOfExact(Wire)
    /// Experts were to be shared out in some way, and the model has none.
    case expertsOfNone(ExpertCut)
    /// A rank would hold no unit of any axis.
    ///
    /// `axis` is the one with the most units; `workingRankCount` ranks would each hold something.
    case idleRank(rank: Int, axis: Axis, share: Double, workingRankCount: Int)
    /// A figure of a cluster's profile is missing or means nothing.
    case profile(path: String, place: String, expected: String, found: String)
    /// A padded slice would need zeros in a group of integers whose offset is that of other columns.
    case paddedGroup(weight: String, groupSize: Int, rank: Int, columns: Range<Int>)
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
        case .shareLine(let path, let line, let found):
            "\(path), line \(line): expected 'host share' with a finite number above zero, found '\(found)'; "
                + "correct the line"
        case .hostTwice(let path, let line, let firstLine, let host):
            "\(path), line \(line): expected one line for host \(host), found it on line \(firstLine) too; remove one"
        case .noShareLines(let path):
            "\(path): expected lines 'host share', found none; write one for each host"
        case .hostWithoutShare(let host, let known):
            "shares file: expected a line for host \(host), found only \(known.joined(separator: ", ")); "
                + "add the line '\(host) 1' with its share"
        case .hostAmbiguous(let host, let found):
            "shares file: expected one line for host \(host), found \(found.joined(separator: " and ")); "
                + "write the name as \(host)"
        case .memoryNotASize(let rank, let found):
            "memory: expected a number above zero with a unit such as GB or GiB for rank \(rank), found '\(found)'; "
                + "write limits as 128GB:48GB"
        case .memoryCount(let expected, let found):
            "memory: expected one limit for each of \(expected) ranks, found \(found); give \(expected)"
        case .context(let found, let longest):
            "context: expected from 1 to \(longest) tokens, for which the model was made, found \(found); "
                + "use --context \(found < 1 ? 1 : longest)"
        case .chunk(let found):
            "chunk: expected at least 1 token, found \(found); use --chunk 1 or more"
        case .expertsOfNone(let cut):
            "experts: expected a model that has some for 'experts \(cut.rawValue)', found none in it; "
                + "leave out --experts"
        case .wireOfExact(let wire):
            "wire: expected f32, with which alone results are exact, found \(wire.rawValue); "
                + "leave out --wire or --exact"
        case .idleRank(let rank, let axis, let share, let workingRankCount):
            "rank \(rank): expected at least one unit of some axis, found none for its share \(Figure.number(share)) "
                + "(the longest axis, \(axis), has \(axis.count)); "
                + "use \(workingRankCount) \(workingRankCount == 1 ? "rank" : "ranks") or a larger share"
        case .profile(let path, let place, let expected, let found):
            "\(path), \(place): expected \(expected), found \(found); correct it or measure again with 'lockstep probe'"
        case .paddedGroup(let weight, let groupSize, let rank, let columns):
            "'\(weight)': expected columns that are padded to end with a group of \(groupSize), "
                + "as its offset leaves no integer for zero, found columns \(columns) on rank \(rank); "
                + "use --split uneven, or another encoding"
        case .memory(let shortage):
            shortage.description
        }
    }
}
