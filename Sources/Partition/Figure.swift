/// Figures as people read them.
enum Figure {
    /// Bytes in the decimal unit that leaves one to three digits before the point: `1.23 GB`.
    static func bytes(_ count: Int) -> String {
        let units = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)]
        guard let (name, size) = units.first(where: { count.magnitude >= $0.1 }) else { return "\(count) B" }
        let value = Double(count) / Double(size)
        return "\(fixed(value, digits: value >= 100 ? 0 : value >= 10 ? 1 : 2)) \(name)"
    }

    /// A part of 1 as `33.3 %`.
    static func percent(_ part: Double) -> String { fixed(part * 100, digits: 1) + " %" }

    /// A number without a needless `.0`.
    static func number(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 0x1p53 ? "\(Int(value))" : "\(value)"
    }

    /// Shares as they are given: `5:3:2`.
    static func shares(_ shares: [Double]) -> String { shares.map(number).joined(separator: ":") }

    /// Digits in threes: `8 030 261 248`.
    static func grouped(_ count: Int) -> String {
        var text = ""
        for (position, digit) in "\(count)".reversed().enumerated() {
            if position > 0, position.isMultiple(of: 3), digit != "-" { text.append(" ") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// A list as people write it: `10, 9, 9`.
    static func list(_ counts: [Int]) -> String { counts.map { "\($0)" }.joined(separator: ", ") }

    private static func fixed(_ value: Double, digits: Int) -> String {
        let scale = [1, 10, 100][digits]
        let scaled = Int((value * Double(scale)).rounded())
        guard digits > 0 else { return "\(scaled)" }
        let fraction = "\(scaled.magnitude % UInt(scale))"
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return "\(scaled < 0 ? "-" : "")\(scaled.magnitude / UInt(scale)).\(zeros)\(fraction)"
    }
}
