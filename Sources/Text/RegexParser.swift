/// Reads a regular expression in Oniguruma's Ruby syntax, as far as published tokenizers use it.
///
/// Alternatives, groups, look-ahead, look-behind of fixed width, atomic groups, greedy, lazy and possessive
/// repetition, sets with ranges, nesting and intersection, the general categories and Han, `(?i:...)` for ASCII
/// letters. Everything else is refused by name.
struct RegexParser {
    private let pattern: [UInt32]
    private let field: Field
    private var position = 0
    private var ignoresCase = false
    private var depth = 0

    static func parse(_ field: Field) throws(TextError) -> RegexSyntax {
        var parser = RegexParser(pattern: try field.scalars(), field: field)
        let syntax = try parser.alternatives()
        guard parser.position == parser.pattern.count else { throw parser.refusal("')' without '('") }
        return syntax
    }

    private init(pattern: [UInt32], field: Field) {
        self.pattern = pattern
        self.field = field
    }

    private mutating func alternatives() throws(TextError) -> RegexSyntax {
        guard depth < 64 else { throw refusal("more than 64 nested groups") }
        depth += 1
        defer { depth -= 1 }
        var parts = [try sequence()]
        while skip("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence() throws(TextError) -> RegexSyntax {
        var parts: [RegexSyntax] = []
        // Adjacent letters under (?i) may match one ligature or sharp s; see `checkFolding`.
        var folded: [UInt32] = []
        while let next = current, next != "|", next != ")" {
            let start = position
            let part = try repeated(try atom())
            folded = ignoresCase && position == start + 1 ? folded + [pattern[start]] : []
            try checkFolding(folded)
            parts.append(part)
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func repeated(_ atom: RegexSyntax) throws(TextError) -> RegexSyntax {
        var syntax = atom
        while true {
            let start = position
            guard var count = try count() else { return syntax }
            let isInterval = pattern[start] == UInt32(UInt8(ascii: "{"))
            if skip("?") {
                guard !isInterval || count.minimum != count.maximum else { throw refusal("'{n}?'") }
                count.mode = .lazy
            } else if !isInterval, skip("+") {
                count.mode = .possessive
            }
            guard !syntax.canBeEmpty || count.maximum == 1 else { throw refusal("a repeated part that can be empty") }
            syntax = .repetition(syntax, count)
        }
    }

    private mutating func count() throws(TextError) -> RegexCount? {
        if skip("*") { return RegexCount(minimum: 0, maximum: nil, mode: .greedy) }
        if skip("+") { return RegexCount(minimum: 1, maximum: nil, mode: .greedy) }
        if skip("?") { return RegexCount(minimum: 0, maximum: 1, mode: .greedy) }
        let start = position
        guard skip("{") else { return nil }
        let minimum = number()
        let hasComma = skip(",")
        let maximum = hasComma ? number() : minimum
        guard skip("}"), minimum != nil || maximum != nil else {
            // Not an interval: the brace stands for itself.
            position = start
            return nil
        }
        guard max(minimum ?? 0, maximum ?? 0) <= 1000, minimum ?? 0 <= maximum ?? 1000 else {
            throw refusal("an interval that is not in order or above 1000")
        }
        return RegexCount(minimum: minimum ?? 0, maximum: maximum, mode: .greedy)
    }

    private mutating func atom() throws(TextError) -> RegexSyntax {
        let scalar = pattern[position]
        switch current {
        case "(": return try group()
        case "[":
            position += 1
            return .set(try bracketed())
        case ".":
            position += 1
            return .set(ScalarSet(ranges: [0x0A...0x0A]).negated)
        case "^", "$":
            position += 1
            return .anchor(scalar == 0x5E ? .lineStart : .lineEnd)
        case "*", "+", "?": throw refusal("a repetition of nothing")
        case "\\": return try escape()
        default:
            position += 1
            return .set(try literal(scalar...scalar))
        }
    }

    private mutating func group() throws(TextError) -> RegexSyntax {
        position += 1
        let outer = ignoresCase
        defer { ignoresCase = outer }
        var wrap: (RegexSyntax) -> RegexSyntax = { $0 }
        if skip("?") {
            if skip("=") {
                wrap = { .look($0, isBehind: false, isNegated: false) }
            } else if skip("!") {
                wrap = { .look($0, isBehind: false, isNegated: true) }
            } else if skip(">") {
                wrap = { .atomic($0) }
            } else if skip("<") {
                guard current == "=" || current == "!" else { throw refusal("a named group") }
                let isNegated = skip("!") || !skip("=")
                wrap = { .look($0, isBehind: true, isNegated: isNegated) }
            } else if try options() {
                // Options without a colon hold to the end of the enclosing group.
                return try alternatives()
            }
        }
        let inner = try alternatives()
        guard skip(")") else { throw refusal("'(' without ')'") }
        let syntax = wrap(inner)
        if case .look(let inner, isBehind: true, _) = syntax, inner.width == nil {
            throw refusal("a look-behind of varying width")
        }
        return syntax
    }

    /// Reads `:`, `i:`, `-i:`, `i)` or `-i)`; true if a parenthesis ended the options.
    private mutating func options() throws(TextError) -> Bool {
        let isOff = skip("-")
        if skip("i") { ignoresCase = !isOff }
        if skip(":") { return false }
        guard skip(")") else { throw refusal("an unknown kind of group") }
        return true
    }

    private mutating func escape() throws(TextError) -> RegexSyntax {
        let start = position
        position += 1
        switch current {
        case "A":
            position += 1
            return .anchor(.textStart)
        case "z":
            position += 1
            return .anchor(.textEnd)
        default:
            position = start
            return .set(try escapedSet())
        }
    }

    /// The inside of brackets, after the opening one.
    private mutating func bracketed() throws(TextError) -> ScalarSet {
        guard depth < 64 else { throw refusal("more than 64 nested sets") }
        depth += 1
        defer { depth -= 1 }
        let isNegated = skip("^")
        var operands = [ScalarSet()]
        var isFirst = true
        while isFirst || current != "]" {
            guard current != nil else { throw refusal("'[' without ']'") }
            isFirst = false
            if current == "[", peek(1) == ":" { throw refusal("a POSIX bracket") }
            if skip("[") {
                operands[operands.count - 1].formUnion(try bracketed())
            } else if current == "&", peek(1) == "&" {
                position += 2
                operands.append(ScalarSet())
            } else {
                operands[operands.count - 1].formUnion(try range())
            }
        }
        position += 1
        var set = operands[0]
        for operand in operands.dropFirst() { set.formIntersection(operand) }
        return isNegated ? set.negated : set
    }

    /// One member of a bracketed set: an escape, a literal, or a range of literals.
    private mutating func range() throws(TextError) -> ScalarSet {
        guard let lower = try literalScalar() else { return try escapedSet() }
        guard current == "-", let after = peek(1), after != "]" else { return try literal(lower...lower) }
        position += 1
        guard current != "[", let upper = try literalScalar(), lower <= upper else {
            throw refusal("a range that is not in order")
        }
        return try literal(lower...upper)
    }

    /// A single character, plain or escaped; nil, with nothing read, where an escape stands for a set.
    private mutating func literalScalar() throws(TextError) -> UInt32? {
        guard position < pattern.count else { throw refusal("an end inside a set") }
        guard current == "\\" else {
            position += 1
            return pattern[position - 1]
        }
        guard let escaped = peek(1) else { throw refusal("'\\' at the end") }
        switch escaped {
        case "n": return advance(2, 0x0A)
        case "r": return advance(2, 0x0D)
        case "t": return advance(2, 0x09)
        case "f": return advance(2, 0x0C)
        case "v": return advance(2, 0x0B)
        case "a": return advance(2, 0x07)
        case "e": return advance(2, 0x1B)
        case "x", "u": return try hexadecimal()
        case "a"..."z", "A"..."Z", "0"..."9": return nil
        default: return advance(2, escaped.value)
        }
    }

    private mutating func escapedSet() throws(TextError) -> ScalarSet {
        if let scalar = try literalScalar() { return try literal(scalar...scalar) }
        let name = pattern[position + 1]
        position += 2
        switch Unicode.Scalar(name) {
        case "s": return ScalarSet(ranges: ScalarClass.whitespace)
        case "S": return ScalarSet(ranges: ScalarClass.whitespace).negated
        case "d": return ScalarSet(ranges: [], categories: ScalarClass.mask("Nd") ?? 0)
        case "D": return ScalarSet(ranges: [], categories: ScalarClass.mask("Nd") ?? 0).negated
        case "w": return Self.word
        case "W": return Self.word.negated
        case "h": return ScalarSet(ranges: Self.hexadecimalDigits)
        case "H": return ScalarSet(ranges: Self.hexadecimalDigits).negated
        case "p": return try property(isNegated: false)
        case "P": return try property(isNegated: true)
        default:
            position -= 2
            throw refusal("'\\\(Unicode.Scalar(name) ?? "?")'")
        }
    }

    private mutating func property(isNegated: Bool) throws(TextError) -> ScalarSet {
        var name = ""
        var isNegated = isNegated
        if skip("{") {
            if skip("^") { isNegated.toggle() }
            while let next = current, next != "}" {
                name.unicodeScalars.append(next)
                position += 1
            }
            position += 1
        }
        guard !ignoresCase else { throw refusal("'\\p{\(name)}' inside (?i:...)") }
        let set: ScalarSet
        if name == "Han" {
            set = .han
        } else if let mask = ScalarClass.mask(name) {
            set = ScalarSet(ranges: [], categories: mask)
        } else {
            throw refusal("'\\p{\(name)}'")
        }
        return isNegated ? set.negated : set
    }

    /// Oniguruma counts the superscripts and fractions of Latin-1 as parts of words, unlike other numbers.
    private static let word = ScalarSet(
        ranges: ScalarClass.enclosedLetters + [0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE],
        categories: ScalarClass.wordCategories)

    private static let hexadecimalDigits: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x46, 0x61...0x66]

    /// `\xHH`, `\x{H...}` or `\uHHHH`.
    private mutating func hexadecimal() throws(TextError) -> UInt32 {
        let limit = peek(1) == "u" ? 4 : 2
        position += 2
        let isBraced = limit == 2 && skip("{")
        var digits = ""
        while let next = current, next.properties.isASCIIHexDigit, digits.count < (isBraced ? 6 : limit) {
            digits.unicodeScalars.append(next)
            position += 1
        }
        guard !isBraced || skip("}"), let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil,
            limit == 2 || digits.count == 4, isBraced || value < 0x80 || limit == 4
        else { throw refusal("a hexadecimal escape of no character") }
        return value
    }

    /// A literal or a range of literals, with its other cases where case is ignored.
    private func literal(_ range: ClosedRange<UInt32>) throws(TextError) -> ScalarSet {
        var set = ScalarSet(ranges: [range])
        guard ignoresCase else { return set }
        guard range.upperBound < 0x80 else { throw refusal("a character past ASCII inside (?i:...)") }
        for letter in UInt32(0x41)...0x5A where range.contains(letter) || range.contains(letter + 0x20) {
            set.insert(letter...letter)
            set.insert(letter + 0x20...letter + 0x20)
            // Long s and the Kelvin sign fold to ASCII letters.
            if letter == 0x53 { set.insert(0x17F...0x17F) }
            if letter == 0x4B { set.insert(0x212A...0x212A) }
        }
        return set
    }

    /// Refuses letters that together fold to one character, which the reference would match as well.
    private func checkFolding(_ letters: [UInt32]) throws(TextError) {
        let pair = String(letters.suffix(2).compactMap(Unicode.Scalar.init).map(Character.init)).lowercased()
        if ["ss", "st", "ff", "fi", "fl"].contains(pair) { throw refusal("'\(pair)' inside (?i:...)") }
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let next = current, ("0"..."9").contains(next), value ?? 0 < 10_000 {
            value = (value ?? 0) * 10 + Int(next.value - 0x30)
            position += 1
        }
        return value
    }

    private var current: Unicode.Scalar? { peek(0) }

    private func peek(_ distance: Int) -> Unicode.Scalar? {
        position + distance < pattern.count ? Unicode.Scalar(pattern[position + distance]) : nil
    }

    private mutating func advance(_ distance: Int, _ scalar: UInt32) -> UInt32 {
        position += distance
        return scalar
    }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    private func refusal(_ what: String) -> TextError {
        let text = String(String.UnicodeScalarView(pattern.compactMap(Unicode.Scalar.init)))
        return field.unsupported(
            expected: "a regular expression of the kind that tokenizers use",
            found: "\(what) at character \(position) of '\(text)'")
    }
}
