import Foundation
import Partition

/// Rows in columns of equal width.
enum Table {
    /// The rows as lines, columns aligned to the left.
    static func text(_ rows: [[String]]) -> String {
        let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1 + 2, withPad: " ", startingAt: 0) }.joined()
                .trimmingCharacters(in: .whitespaces) + "\n"
        }.joined()
    }

    /// The same, every line indented by four.
    static func indentedText(_ rows: [[String]]) -> String {
        text(rows).split(separator: "\n").map { "    \($0)\n" }.joined()
    }
}

extension Figure {
    /// A rate in thousands of millions, with one digit behind the point.
    static func giga(_ value: Double) -> String { decimal(value / 1e9, 1) }
}
