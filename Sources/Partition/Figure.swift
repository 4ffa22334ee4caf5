import Foundation

/// Figures as people read them.
package enum Figure {
    /// Bytes in the decimal unit that leaves one to three digits before the point: `1.23 GB`.
    package static func bytes(_ count: Int) -> String {
        let units = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)]
        // A count that would be rounded to a thousand has the next unit.
        guard let (name, size) = units.first(where: { count.magnitude >= $0.1 - $0.1 / 2000 }) else {
            return "\(count) B"
        }
        let value = Double(count) / Double(size)
        return "\(decimal(value, value.magnitude >= 99.95 ? 0 : value.magnitude >= 9.995 ? 1 : 2)) \(name)"
    }

    /// A number with a fixed count of decimals: `1.50`.
    package static func decimal(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

    /// A number by its magnitude: `1.2e-05`, and `0` for nothing.
    package static func scientific(_ value: Double) -> String { value == 0 ? "0" : String(format: "%.1e", value) }

    /// A part of 1 as `33.3 %`.
    package static func percent(_ part: Double) -> String { decimal(part * 100, 1) + " %" }

    /// A number without a needless `.0`.
    package static func number(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 0x1p53 ? "\(Int(value))" : "\(value)"
    }

    /// Shares as they are given: `5:3:2`.
    package static func shares(_ shares: [Double]) -> String { shares.map(number).joined(separator: ":") }

    /// Digits in threes: `8 030 261 248`.
    package static func grouped(_ count: Int) -> String {
        var text = ""
        for (position, digit) in "\(count)".reversed().enumerated() {
            if position > 0, position.isMultiple(of: 3), digit != "-" { text.append(" ") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// A number of things by the word for one: `1 layer`, `2 layers`.
    package static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    /// A number of layers.
    package static func layers(_ number: Int) -> String { count(number, "layer") }

    /// A list as people write it: `10, 9, 9`.
    package static func list(_ counts: [Int]) -> String { counts.map { "\($0)" }.joined(separator: ", ") }
}
