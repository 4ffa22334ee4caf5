/// How an array of a stored tensor is divided into panels, each with a checksum of its own.
///
/// A tensor that ranks share by rows has panels of whole rows. One that they share by columns has tiles of few columns
/// and many rows, tile beside tile: a range of columns is then one piece of each row of tiles. In way gather ranks
/// share it by rows all the same, and read these out of every tile. So that they can check them without the rest of the
/// tiles, it has a second set of checksums, of bands of 8 rows over all columns. A slice then reads little more than
/// itself, whichever way it is cut.
public struct PanelGrid: Sendable, Hashable {
    /// The tensor's rows.
    public let rows: Int
    /// The array's columns; 1 for a vector.
    public let columns: Int
    /// Rows of a panel; fewer in the last ones.
    public let rowsPerPanel: Int
    /// Columns of a panel; fewer in the last ones.
    public let columnsPerPanel: Int
    /// Whether panels are tiles, each stored by itself and filled up with zeros at the borders.
    public let isTiled: Bool
    /// Rows of a band, fewer in the last one; nil where there are no tiles.
    public let rowsPerBand: Int?

    init(
        rows: Int, columns: Int, rowsPerPanel: Int, columnsPerPanel: Int, isTiled: Bool, rowsPerBand: Int? = nil
    ) {
        self.rows = rows
        self.columns = columns
        self.rowsPerPanel = rowsPerPanel
        self.columnsPerPanel = columnsPerPanel
        self.isTiled = isTiled
        self.rowsPerBand = rowsPerBand
    }

    /// Panels above each other.
    public var panelsDown: Int { ceilingQuotient(rows, rowsPerPanel) }
    /// Panels beside each other.
    public var panelsAcross: Int { ceilingQuotient(columns, columnsPerPanel) }
    /// All panels.
    public var count: Int { panelsDown * panelsAcross }
    /// All bands; none where there are no tiles.
    public var bandCount: Int { rowsPerBand.map { ceilingQuotient(rows, $0) } ?? 0 }

    /// Elements that the file holds, the filling of tiles included.
    public var storedElementCount: Int {
        isTiled ? count * rowsPerPanel * columnsPerPanel : rows * columns
    }

    /// Elements that are read for a slice: whole panels or, where it has only some rows of tiles, whole bands.
    public func elementCount(reading rows: Range<Int>, columns: Range<Int>) -> Int {
        let across = panelsAcross(touching: columns).count
        return panelsDown(touching: rows).reduce(0) { total, down in
            if let part = bandRows(of: rows, columns, down) { return total + part.count * storedColumns }
            return total + (isTiled ? rowsPerPanel : rowRange(down).count) * across * columnsPerPanel
        }
    }
}

extension PanelGrid {
    /// The rows of panels at `down` from the top.
    func rowRange(_ down: Int) -> Range<Int> {
        (down * rowsPerPanel)..<min(rows, (down + 1) * rowsPerPanel)
    }

    /// The columns of panels at `across` from the left.
    func columnRange(_ across: Int) -> Range<Int> {
        (across * columnsPerPanel)..<min(columns, (across + 1) * columnsPerPanel)
    }

    /// The panels, counted from the top, that hold any of `rows`.
    func panelsDown(touching rows: Range<Int>) -> Range<Int> { Self.parts(of: rowsPerPanel, touching: rows) }

    /// The panels, counted from the left, that hold any of `columns`.
    func panelsAcross(touching columns: Range<Int>) -> Range<Int> {
        Self.parts(of: columnsPerPanel, touching: columns)
    }

    /// The bands that hold any of `rows`.
    func bands(touching rows: Range<Int>) -> Range<Int> {
        rowsPerBand.map { Self.parts(of: $0, touching: rows) } ?? 0..<0
    }

    /// The bands that lie in `rows` in full.
    func wholeBands(in rows: Range<Int>) -> Range<Int> {
        guard let length = rowsPerBand, !rows.isEmpty else { return 0..<0 }
        let first = ceilingQuotient(rows.lowerBound, length)
        return first..<max(first, rows.upperBound == self.rows ? bandCount : rows.upperBound / length)
    }

    /// The rows of a band.
    func rowRange(ofBand band: Int) -> Range<Int> {
        let length = rowsPerBand ?? 0
        return (band * length)..<min(rows, (band + 1) * length)
    }

    /// The rows of the bands that hold what a slice has of the tiles at `down`; nil where these are better read whole.
    func bandRows(of rows: Range<Int>, _ columns: Range<Int>, _ down: Int) -> Range<Int>? {
        let tile = rowRange(down)
        let bands = bands(touching: rows.clamped(to: tile))
        guard let last = bands.last, !(rows.lowerBound <= tile.lowerBound && rows.upperBound >= tile.upperBound)
        else { return nil }
        let part = rowRange(ofBand: bands.lowerBound).lowerBound..<rowRange(ofBand: last).upperBound
        let across = panelsAcross(touching: columns).count
        return part.count * storedColumns < rowsPerPanel * across * columnsPerPanel ? part : nil
    }

    /// Columns of a row of tiles, filling included.
    private var storedColumns: Int { panelsAcross * columnsPerPanel }

    private static func parts(of length: Int, touching range: Range<Int>) -> Range<Int> {
        range.isEmpty ? 0..<0 : (range.lowerBound / length)..<((range.upperBound - 1) / length + 1)
    }
}

func ceilingQuotient(_ dividend: Int, _ divisor: Int) -> Int { (dividend + divisor - 1) / divisor }
