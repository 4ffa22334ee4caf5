/// A text on its way to the model, cut into pieces.
struct Pieces {
    private(set) var text: [UInt32]
    private(set) var bounds: [Range<Int>]
    // How many scalars at the front stand for the first character of the whole input: `Metaspace` may ask.
    private var atStart: Int

    init(_ text: [UInt32], atStart: Int) {
        self.text = text
        self.atStart = atStart
        bounds = text.isEmpty ? [] : [0..<text.count]
    }

    /// Cuts every piece at the matches that `find` reports.
    mutating func split(
        _ behavior: SplitBehavior, isInverted: Bool = false,
        _ find: (_ text: [UInt32], _ bounds: Range<Int>, _ report: (Range<Int>) -> Void) -> Void
    ) {
        var pieces: [Range<Int>] = []
        var parts: [SplitBehavior.Part] = []
        for piece in bounds {
            parts.removeAll(keepingCapacity: true)
            var end = piece.lowerBound
            find(text, piece) { match in
                if end < match.lowerBound { parts.append(.init(bounds: end..<match.lowerBound, isMatch: isInverted)) }
                parts.append(.init(bounds: match, isMatch: !isInverted))
                end = match.upperBound
            }
            if end < piece.upperBound { parts.append(.init(bounds: end..<piece.upperBound, isMatch: isInverted)) }
            behavior.append(parts, to: &pieces)
        }
        bounds = pieces
    }

    /// Cuts every piece at each scalar for which the condition holds.
    mutating func split(_ behavior: SplitBehavior, at isMatch: (UInt32) -> Bool) {
        split(behavior) { text, piece, report in
            for index in piece where isMatch(text[index]) { report(index..<index + 1) }
        }
    }

    /// Puts the prefix before each piece for which the condition on the piece and on its standing at the start holds.
    mutating func prepend(_ prefix: UInt32, where condition: (ArraySlice<UInt32>, Bool) -> Bool) {
        rewrite { piece, isAtStart, result in
            let isPrefixed = condition(piece, isAtStart)
            if isPrefixed { result.append(prefix) }
            result.append(contentsOf: piece)
            return isPrefixed ? 1 : 0
        }
    }

    /// Replaces each scalar by others.
    mutating func map(_ transform: (UInt32, inout [UInt32]) -> Void) {
        rewrite { piece, _, result in
            for scalar in piece { transform(scalar, &result) }
            return 0
        }
    }

    /// Writes every piece anew; the transformation returns how many scalars it put in front.
    private mutating func rewrite(_ transform: (ArraySlice<UInt32>, Bool, inout [UInt32]) -> Int) {
        var result: [UInt32] = []
        result.reserveCapacity(text.count + bounds.count)
        var newAtStart = 0
        for index in bounds.indices {
            let piece = bounds[index]
            let start = result.count
            let isAtStart = piece.lowerBound < atStart
            let added = transform(text[piece], isAtStart, &result)
            if isAtStart { newAtStart = start + added + min(atStart - piece.lowerBound, piece.count) }
            bounds[index] = start..<result.count
        }
        text = result
        atStart = newAtStart
    }
}
