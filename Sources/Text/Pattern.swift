/// What `Split` and `Replace` look for.
enum Pattern: Sendable {
    case string([UInt32])
    case regex(Regex)

    /// Reads `{"String": ...}` or `{"Regex": ...}`.
    init(_ field: Field) throws(TextError) {
        try field.check(keys: ["String", "Regex"])
        let string = try field.member("String")
        let regex = try field.member("Regex")
        guard string.isNull != regex.isNull else {
            throw field.malformed(expected: "either a String or a Regex")
        }
        if regex.isNull {
            let scalars = try string.scalars()
            guard !scalars.isEmpty else { throw string.unsupported(expected: "a string that is not empty") }
            self = .string(scalars)
        } else {
            self = .regex(try Regex(regex))
        }
    }

    /// All matches from left to right, none overlapping; `body` gets each match's bounds.
    func forEachMatch(in text: [UInt32], _ bounds: Range<Int>, _ body: (Range<Int>) -> Void) {
        switch self {
        case .regex(let regex):
            regex.forEachMatch(in: text, bounds, body)
        case .string(let string):
            var start = bounds.lowerBound
            while start + string.count <= bounds.upperBound {
                if text[start..<start + string.count].elementsEqual(string) {
                    body(start..<start + string.count)
                    start += string.count
                } else {
                    start += 1
                }
            }
        }
    }

    /// The text with every match replaced.
    func replacing(in text: [UInt32], with content: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(text.count)
        var end = 0
        forEachMatch(in: text, 0..<text.count) { match in
            result.append(contentsOf: text[end..<match.lowerBound])
            result.append(contentsOf: content)
            end = match.upperBound
        }
        result.append(contentsOf: text[end...])
        return result
    }
}
