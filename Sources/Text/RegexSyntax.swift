/// The parts that a regular expression is made of.
indirect enum RegexSyntax {
    case set(ScalarSet)
    case sequence([RegexSyntax])
    case alternatives([RegexSyntax])
    case repetition(RegexSyntax, RegexCount)
    case look(RegexSyntax, isBehind: Bool, isNegated: Bool)
    case atomic(RegexSyntax)
    case anchor(RegexAnchor)
}

/// How often a part repeats, and what it does when the rest fails.
struct RegexCount {
    enum Mode { case greedy, lazy, possessive }

    var minimum: Int
    var maximum: Int?  // nil: without limit
    var mode: Mode
}

/// A place in the text.
enum RegexAnchor {
    case lineStart, lineEnd, textStart, textEnd
}

extension RegexSyntax {
    /// The number of scalars that every match has; nil if it varies.
    var width: Int? {
        switch self {
        case .set: return 1
        case .sequence(let parts):
            return parts.reduce(0 as Int?) { sum, part in
                guard let sum, let width = part.width else { return nil }
                return sum + width
            }
        case .alternatives(let parts):
            let widths = parts.map(\.width)
            guard let first = widths.first, widths.allSatisfy({ $0 == first }) else { return nil }
            return first
        case .repetition(let part, let count):
            guard let width = part.width, count.minimum == count.maximum else { return nil }
            return width * count.minimum
        case .look, .anchor: return 0
        case .atomic(let part): return part.width
        }
    }

    /// Whether it can match without taking a scalar.
    var canBeEmpty: Bool {
        switch self {
        case .set: false
        case .sequence(let parts): parts.allSatisfy(\.canBeEmpty)
        case .alternatives(let parts): parts.contains(where: \.canBeEmpty)
        case .repetition(let part, let count): count.minimum == 0 || part.canBeEmpty
        case .look, .anchor: true
        case .atomic(let part): part.canBeEmpty
        }
    }
}
