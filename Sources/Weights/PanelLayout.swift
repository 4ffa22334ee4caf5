import Blueprint

/// How an import divides a weight: the same rows for all of its arrays, and tiles of the same columns of the weight.
struct PanelLayout {
    private let encoding: Encoding
    private let rows: Int
    private let columns: Int
    private let isTiled: Bool
    private let rowsPerPanel: Int

    /// Columns of a tile of numbers that stand each by itself; of grouped ones it is a block.
    static let tileColumns = 16
    /// Rows of a band.
    static let bandRows = 8

    // Rows of all ranks' tiles, so many that a tile is a good part of a page, and so few that a processor's own cache
    // holds a long row of them.
    private static let tileRows = 128
    // What an import may hold of a row of tiles, in float32.
    private static let maximumBlockByteCount = 1 << 24
    private static let minimumPanelByteCount = 1 << 10
    private static let maximumPanelByteCount = 1 << 17
    // At least this many panels in a large tensor: each border between ranks is read by both, as a whole panel.
    private static let panelsPerTensor = 1024

    init(_ weight: Weight, _ encoding: Encoding) {
        self.encoding = encoding
        rows = weight.storedShape[0]
        columns = weight.columns
        switch weight.distribution {
        case .columns:
            isTiled = true
            rowsPerPanel = Self.rowsOfTile(rows: rows, columns: weight.columns)
        case .rows, .replicated:
            isTiled = false
            let rowByteCount = max(1, encoding.fileByteCount(rows: 1, columns: 0..<weight.columns))
            let ideal = rows * rowByteCount / Self.panelsPerTensor
            let byteCount = min(max(ideal, Self.minimumPanelByteCount), Self.maximumPanelByteCount)
            rowsPerPanel = min(max(1, byteCount / rowByteCount), max(1, rows))
        }
    }

    /// The division of one array.
    func grid(of part: Grouping.Part) -> PanelGrid {
        let count = encoding.columns(of: part, in: 0..<columns).count
        guard isTiled else {
            return PanelGrid(
                rows: rows, columns: count, rowsPerPanel: rowsPerPanel, columnsPerPanel: max(1, count), isTiled: false)
        }
        let tile: Int =
            switch encoding {
            case .plain: Self.tileColumns
            case .grouped(let grouping): max(1, Grouping.blockColumns / grouping.columnsPerElement(of: part))
            }
        return PanelGrid(
            rows: rows, columns: count, rowsPerPanel: rowsPerPanel, columnsPerPanel: min(tile, max(1, count)),
            isTiled: true, rowsPerBand: Self.bandRows)
    }

    /// Whole bands, and of those numbers that fill the last tiles best the greatest.
    private static func rowsOfTile(rows: Int, columns: Int) -> Int {
        var most = tileRows
        while most > Grouping.panelRows, most * columns * 4 > maximumBlockByteCount { most /= 2 }
        guard rows > most else { return max(1, rows) }
        let choices = stride(from: most, through: most / 2, by: -bandRows)
        return choices.min { ceilingQuotient(rows, $0) * $0 < ceilingQuotient(rows, $1) * $1 } ?? most
    }
}
