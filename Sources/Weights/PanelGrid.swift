/// How a stored tensor is divided into panels, each with a checksum of its own.
///
/// A tensor that ranks share by rows has panels of whole rows, in one piece of the file. One that they share by columns
/// has tiles of 32 columns: a range of columns and a range of rows then both read little more than they need.
public struct PanelGrid: Sendable, Hashable {
    /// The tensor's rows.
    public let rows: Int
    /// The tensor's columns; 1 for a vector.
    public let columns: Int
    /// Rows of a panel; fewer in the last ones.
    public let rowsPerPanel: Int
    /// Columns of a panel; fewer in the last ones.
    public let columnsPerPanel: Int
    /// Whether panels are tiles, each stored by itself and filled up with zeros at the borders.
    public let isTiled: Bool

    /// Columns of a tile.
    public static let tileColumns = 32
    private static let maximumTileRows = 512
    private static let minimumPanelByteCount = 1 << 14
    private static let maximumPanelByteCount = 1 << 20
    // At least this many panels in a large tensor: each border between ranks is read by both, as a whole panel.
    private static let panelsPerTensor = 256

    init(rows: Int, columns: Int, rowsPerPanel: Int, columnsPerPanel: Int, isTiled: Bool) {
        self.rows = rows
        self.columns = columns
        self.rowsPerPanel = rowsPerPanel
        self.columnsPerPanel = columnsPerPanel
        self.isTiled = isTiled
    }

    /// Panels of whole rows, 16 KiB to 1 MiB each.
    static func ofRows(_ rows: Int, columns: Int, bytesPerElement: Int) -> PanelGrid {
        let rowByteCount = max(1, columns * bytesPerElement)
        let ideal = rows * rowByteCount / panelsPerTensor
        let byteCount = min(max(ideal, minimumPanelByteCount), maximumPanelByteCount)
        return PanelGrid(
            rows: rows, columns: columns, rowsPerPanel: min(max(1, byteCount / rowByteCount), max(1, rows)),
            columnsPerPanel: max(1, columns), isTiled: false)
    }

    /// Tiles of 32 columns, fewer in a narrower tensor, and at most 512 rows, as equal as they can be.
    static func ofTiles(rows: Int, columns: Int) -> PanelGrid {
        let down = max(1, ceilingQuotient(rows, maximumTileRows))
        return PanelGrid(
            rows: rows, columns: columns, rowsPerPanel: max(1, ceilingQuotient(rows, down)),
            columnsPerPanel: min(tileColumns, max(1, columns)), isTiled: true)
    }

    /// Panels above each other.
    public var panelsDown: Int { ceilingQuotient(rows, rowsPerPanel) }
    /// Panels beside each other.
    public var panelsAcross: Int { ceilingQuotient(columns, columnsPerPanel) }
    /// All panels.
    public var count: Int { panelsDown * panelsAcross }

    /// Elements that the file holds, the filling of tiles included.
    public var storedElementCount: Int {
        isTiled ? count * rowsPerPanel * columnsPerPanel : rows * columns
    }

    /// The rows of panels at `down` from the top.
    func rowRange(_ down: Int) -> Range<Int> {
        (down * rowsPerPanel)..<min(rows, (down + 1) * rowsPerPanel)
    }

    /// The columns of panels at `across` from the left.
    func columnRange(_ across: Int) -> Range<Int> {
        (across * columnsPerPanel)..<min(columns, (across + 1) * columnsPerPanel)
    }

    /// The panels, counted from the top, that hold any of `rows`.
    func panelsDown(touching rows: Range<Int>) -> Range<Int> {
        rows.isEmpty ? 0..<0 : (rows.lowerBound / rowsPerPanel)..<((rows.upperBound - 1) / rowsPerPanel + 1)
    }

    /// The panels, counted from the left, that hold any of `columns`.
    func panelsAcross(touching columns: Range<Int>) -> Range<Int> {
        columns.isEmpty
            ? 0..<0 : (columns.lowerBound / columnsPerPanel)..<((columns.upperBound - 1) / columnsPerPanel + 1)
    }
}

private func ceilingQuotient(_ dividend: Int, _ divisor: Int) -> Int { (dividend + divisor - 1) / divisor }
