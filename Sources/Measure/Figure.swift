import Foundation

/// Numbers as people read them.
enum Figure {
    /// `1.2e-05`, and `0` for nothing.
    static func scientific(_ value: Double) -> String { value == 0 ? "0" : String(format: "%.1e", value) }

    /// Rows in columns of equal width.
    static func table(_ rows: [[String]]) -> String {
        let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1 + 2, withPad: " ", startingAt: 0) }.joined()
                .trimmingCharacters(in: .whitespaces) + "\n"
        }.joined()
    }
}
