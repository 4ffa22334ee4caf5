/// A backtracking regular-expression engine over Unicode scalars.
///
/// Neither of the platform's engines gives the reference's results: both follow the Unicode version of the toolchain,
/// where the reference (Oniguruma) is fixed to Unicode 16; ICU indexes UTF-16 and differs in syntax; Swift's engine
/// matches by grapheme cluster unless told otherwise, and is slower than needed. The language that tokenizers use is
/// small, so that a general engine for it is shorter than the exceptions that either would need.
struct Regex: Sendable {
    private let instructions: [RegexInstruction]
    private let sets: [ScalarSet]

    /// Compiles the expression that stands in the field; throws what it uses that is not implemented.
    init(_ field: Field) throws(TextError) {
        let program = RegexProgram(try RegexParser.parse(field))
        instructions = program.instructions
        sets = program.sets
    }

    /// All matches from left to right, none overlapping; `body` gets each match's bounds.
    ///
    /// An empty match directly after another match is passed over, as Oniguruma's Rust wrapper does.
    func forEachMatch(in text: [UInt32], _ bounds: Range<Int>, _ body: (Range<Int>) -> Void) {
        var stack: [Alternative] = []
        var start = bounds.lowerBound
        var lastEnd: Int?
        while start <= bounds.upperBound {
            guard let end = match(text, bounds, instruction: 0, at: start, &stack) else {
                start += 1
                continue
            }
            if end == start, lastEnd == end {
                start += 1
                continue
            }
            body(start..<end)
            lastEnd = end
            start = end
        }
    }

    /// A place to go on from when the current way fails.
    private struct Alternative {
        let instruction: Int
        var position: Int
        // A run may give back scalars down to here; equal to `position` for a split.
        let floor: Int
    }

    /// The end of the first way in which the instructions match at the position.
    private func match(
        _ text: [UInt32], _ bounds: Range<Int>, instruction: Int, at position: Int, _ stack: inout [Alternative]
    ) -> Int? {
        let base = stack.count
        var instruction = instruction
        var position = position
        while true {
            let next: (instruction: Int, position: Int)?
            switch instructions[instruction] {
            case .accept:
                stack.removeSubrange(base...)
                return position
            case .one(let set):
                let isMember = position < bounds.upperBound && sets[set].contains(text[position])
                next = isMember ? (instruction + 1, position + 1) : nil
            case .run(let set, let minimum, let maximum, let isPossessive):
                let end = runEnd(text, bounds.upperBound, set, from: position, maximum)
                let floor = position + minimum
                if end > floor, !isPossessive {
                    stack.append(Alternative(instruction: instruction + 1, position: end - 1, floor: floor))
                }
                next = end >= floor ? (instruction + 1, end) : nil
            case .split(let first, let second):
                stack.append(Alternative(instruction: second, position: position, floor: position))
                next = (first, position)
            case .jump(let target):
                next = (target, position)
            case .anchor(let anchor):
                next = holds(anchor, text, bounds, position) ? (instruction + 1, position) : nil
            case .look(let end, let behind, let isNegated):
                let start = position - behind
                let isMatch =
                    start >= bounds.lowerBound
                    && match(text, bounds, instruction: instruction + 1, at: start, &stack) != nil
                next = isMatch != isNegated ? (end, position) : nil
            case .atomic(let end):
                next = match(text, bounds, instruction: instruction + 1, at: position, &stack).map { (end, $0) }
            }
            if let next {
                (instruction, position) = next
            } else if stack.count > base {
                let last = stack.count - 1
                instruction = stack[last].instruction
                position = stack[last].position
                if position > stack[last].floor {
                    stack[last].position -= 1
                } else {
                    stack.removeLast()
                }
            } else {
                return nil
            }
        }
    }

    private func runEnd(_ text: [UInt32], _ limit: Int, _ set: Int, from position: Int, _ maximum: Int) -> Int {
        let limit = maximum < limit - position ? position + maximum : limit
        var end = position
        while end < limit, sets[set].contains(text[end]) { end += 1 }
        return end
    }

    private func holds(_ anchor: RegexAnchor, _ text: [UInt32], _ bounds: Range<Int>, _ position: Int) -> Bool {
        switch anchor {
        case .textStart: position == bounds.lowerBound
        case .textEnd: position == bounds.upperBound
        // In Ruby's syntax no line starts after a line break that ends the text.
        case .lineStart:
            position == bounds.lowerBound || text[position - 1] == 0x0A && position < bounds.upperBound
        case .lineEnd: position == bounds.upperBound || text[position] == 0x0A
        }
    }
}
