/// The classes of characters that patterns and splitters ask for.
///
/// The tables are the reference library's own and not the standard library's: identifiers must stay the same when the
/// Swift toolchain moves to another version of Unicode. They cover Unicode 16.
enum ScalarClass {
    /// The general categories in the order of the table.
    static let categories = [
        "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf",
        "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co",
    ]

    static let category = ScalarTable(runs: CategoryData.packed)
    static let han = ScalarTable(runs: ScriptData.packed)
    static let punctuation = ScalarTable(runs: PunctuationData.packed)

    /// One bit per category for a name such as `L` or `Lu`; nil for a name that is none.
    static func mask(_ name: String) -> UInt32? {
        var mask: UInt32 = 0
        for (index, category) in categories.enumerated() where category == name || category.prefix(1) == name {
            mask |= 1 << UInt32(index)
        }
        return mask == 0 ? nil : mask
    }

    /// Unicode's White_Space.
    @inline(__always)
    static func isWhitespace(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    static let whitespace: [ClosedRange<UInt32>] = [
        0x09...0x0D, 0x20...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
        0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000,
    ]

    /// Letters, marks, decimal and letter numbers, connectors.
    static let wordCategories: UInt32 =
        ["L", "M", "Nd", "Nl", "Pc"].reduce(0) { $0 | (mask($1) ?? 0) }

    /// Letters in circles and squares, which are symbols by category.
    static let enclosedLetters: [ClosedRange<UInt32>] = [
        0x24B6...0x24E9, 0x1F130...0x1F149, 0x1F150...0x1F169, 0x1F170...0x1F189,
    ]

    /// What `\w` is to Rust's `regex`, which decides where a token of a single word may stand.
    static func isWord(_ scalar: UInt32) -> Bool {
        wordCategories >> UInt32(category[scalar]) & 1 == 1 || scalar == 0x200C || scalar == 0x200D
            || enclosedLetters.contains { $0.contains(scalar) }
    }

    /// What Rust calls numeric: the categories Nd, Nl, No of Unicode 17.
    static func isNumeric(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x11DE0...0x11DE9, 0x16FF4...0x16FF6: true
        default: (9...11).contains(category[scalar])
        }
    }
}
