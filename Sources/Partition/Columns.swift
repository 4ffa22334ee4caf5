/// Cells as lines of text.
enum Columns {
    /// The rows with their cells in columns, each as wide as its longest cell, blanks at the ends left out.
    ///
    /// - Parameters:
    ///   - left: columns aligned to the left; the others are to the right.
    ///   - gap: what stands between columns.
    static func aligned(_ rows: [[String]], left: Set<Int>, gap: String = "  ") -> [String] {
        let widths = (rows.first ?? []).indices.map { column in rows.reduce(0) { max($0, $1[column].count) } }
        return rows.map { row in
            let line = zip(row, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return left.contains(column) ? cell.0 + padding : padding + cell.0
            }.joined(separator: gap)
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
