/// The names of files that are parts of one, such as `model-00001-of-00003.gguf`.
struct FileSeries {
    /// Every part, in order.
    let names: [String]

    // More digits than any model has.
    private static let maximumDigitCount = 5

    /// The series that a name is of; nil where it does not end with `NUMBER-of-COUNT` before its suffix, both numbers
    /// with as many digits.
    init?(of name: String, suffix: String) {
        guard name.hasSuffix(suffix) else { return nil }
        let pieces = name.dropLast(suffix.count).split(separator: "-", omittingEmptySubsequences: false)
        guard pieces.count >= 3, pieces[pieces.count - 2] == "of", let last = pieces.last else { return nil }
        let own = pieces[pieces.count - 3]
        guard last.utf8.count == own.utf8.count, let count = Self.number(last), let number = Self.number(own),
            number >= 1, number <= count
        else { return nil }
        let stem = pieces.dropLast(3).map { "\($0)-" }.joined()
        names = (1...count).map { number in
            let digits = "\(number)"
            let zeros = String(repeating: "0", count: last.utf8.count - digits.utf8.count)
            return "\(stem)\(zeros)\(digits)-of-\(last)\(suffix)"
        }
    }

    private static func number(_ digits: Substring) -> Int? {
        guard digits.utf8.count <= maximumDigitCount, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(digits)
    }
}
