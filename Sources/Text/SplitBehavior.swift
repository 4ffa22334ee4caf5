/// What becomes of the matches when a text is split at them.
enum SplitBehavior: String, Sendable {
    case isolated = "Isolated"
    case removed = "Removed"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"

    init(_ field: Field) throws(TextError) {
        guard let behavior = SplitBehavior(rawValue: try field.string()) else {
            throw field.unsupported(
                expected: "Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous")
        }
        self = behavior
    }

    /// A part of a text that is either a match or lies between matches.
    struct Part {
        var bounds: Range<Int>
        let isMatch: Bool
    }

    /// Turns consecutive parts into pieces. Empty pieces are left out.
    func append(_ parts: [Part], to pieces: inout [Range<Int>]) {
        switch self {
        case .isolated:
            append(parts.lazy.map(\.bounds), to: &pieces)
        case .removed:
            append(parts.lazy.filter { !$0.isMatch }.map(\.bounds), to: &pieces)
        case .contiguous:
            append(merged(parts) { $0.isMatch == $1 }, to: &pieces)
        case .mergedWithPrevious:
            append(merged(parts) { $0.isMatch && !$1 }, to: &pieces)
        case .mergedWithNext:
            append(merged(parts.reversed()) { $0.isMatch && !$1 }.reversed(), to: &pieces)
        }
    }

    /// Joins a part to its neighbour where the condition on it and on the neighbour's being a match holds.
    private func merged(_ parts: [Part], where joins: (Part, Bool) -> Bool) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var wasMatch = false
        for part in parts {
            if let last = result.last, joins(part, wasMatch) {
                result[result.count - 1] =
                    min(last.lowerBound, part.bounds.lowerBound)..<max(last.upperBound, part.bounds.upperBound)
            } else {
                result.append(part.bounds)
            }
            wasMatch = part.isMatch
        }
        return result
    }

    private func append(_ bounds: some Sequence<Range<Int>>, to pieces: inout [Range<Int>]) {
        for piece in bounds where !piece.isEmpty { pieces.append(piece) }
    }
}
