/// One step of a compiled regular expression.
enum RegexInstruction {
    /// Takes one scalar of the set.
    case one(Int)
    /// Takes as many scalars of the set as allowed; keeps them all, or gives them back one by one.
    case run(set: Int, minimum: Int, maximum: Int, isPossessive: Bool)
    /// Tries the first place, then the second.
    case split(Int, Int)
    case jump(Int)
    case anchor(RegexAnchor)
    /// Goes on at `end` if what follows matches (or does not); the text is left where it was.
    case look(end: Int, behind: Int, isNegated: Bool)
    /// Goes on at `end` with the first way in which what follows matches.
    case atomic(end: Int)
    case accept
}

/// A regular expression compiled to instructions.
struct RegexProgram {
    private(set) var instructions: [RegexInstruction] = []
    private(set) var sets: [ScalarSet] = []

    init(_ syntax: RegexSyntax) {
        append(syntax)
        instructions.append(.accept)
    }

    private mutating func append(_ syntax: RegexSyntax) {
        switch syntax {
        case .set(let set):
            instructions.append(.one(add(set)))
        case .sequence(let parts):
            for part in parts { append(part) }
        case .alternatives(let parts):
            append(alternatives: parts)
        case .repetition(let part, let count):
            append(part, count)
        case .anchor(let anchor):
            instructions.append(.anchor(anchor))
        case .atomic(let part):
            appendInner(part) { .atomic(end: $0) }
        case .look(let part, let isBehind, let isNegated):
            let behind = isBehind ? part.width ?? 0 : 0
            appendInner(part) { .look(end: $0, behind: behind, isNegated: isNegated) }
        }
    }

    private mutating func append(alternatives parts: [RegexSyntax]) {
        var jumps: [Int] = []
        for part in parts.dropLast() {
            let split = reserve()
            append(part)
            jumps.append(reserve())
            instructions[split] = .split(split + 1, instructions.count)
        }
        if let last = parts.last { append(last) }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func append(_ part: RegexSyntax, _ count: RegexCount) {
        if case .set(let set) = part, count.mode != .lazy {
            instructions.append(
                .run(
                    set: add(set), minimum: count.minimum, maximum: count.maximum ?? .max,
                    isPossessive: count.mode == .possessive))
            return
        }
        switch count.mode {
        case .greedy, .lazy:
            appendCopies(part, count)
        case .possessive:
            appendInner(.repetition(part, RegexCount(minimum: count.minimum, maximum: count.maximum, mode: .greedy))) {
                .atomic(end: $0)
            }
        }
    }

    private mutating func appendCopies(_ part: RegexSyntax, _ count: RegexCount) {
        for _ in 0..<count.minimum { append(part) }
        guard let maximum = count.maximum else {
            let split = reserve()
            append(part)
            instructions.append(.jump(split))
            set(split: split, mode: count.mode)
            return
        }
        var splits: [Int] = []
        for _ in count.minimum..<maximum {
            splits.append(reserve())
            append(part)
        }
        for split in splits { set(split: split, mode: count.mode) }
    }

    /// Points a repetition's split at the part after it and at what follows the repetition, in the mode's order.
    private mutating func set(split: Int, mode: RegexCount.Mode) {
        let after = instructions.count
        instructions[split] = mode == .lazy ? .split(after, split + 1) : .split(split + 1, after)
    }

    private mutating func appendInner(_ part: RegexSyntax, _ instruction: (Int) -> RegexInstruction) {
        let start = reserve()
        append(part)
        instructions.append(.accept)
        instructions[start] = instruction(instructions.count)
    }

    private mutating func reserve() -> Int {
        instructions.append(.accept)
        return instructions.count - 1
    }

    private mutating func add(_ set: ScalarSet) -> Int {
        sets.append(set)
        return sets.count - 1
    }
}
