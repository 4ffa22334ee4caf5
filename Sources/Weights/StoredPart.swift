public import Blueprint

/// One array of a stored tensor, a dataset of its own: `[rows, elements]`.
public struct StoredPart: Sendable, Hashable {
    /// Which of the encoding's arrays; the elements of a plain encoding are its values.
    public let part: Grouping.Part
    /// How it is divided; the grid's columns are elements of the part.
    public let grid: PanelGrid
    /// Bytes of one element.
    public let bytesPerElement: Int

    /// Bytes of a whole row.
    var rowByteCount: Int { grid.columns * bytesPerElement }
    /// Bytes of a row of a panel, in the file.
    var panelRowByteCount: Int { grid.columnsPerPanel * bytesPerElement }
    /// Bytes of a panel, but for the last one of whole rows, which may be shorter.
    var panelByteCount: Int { grid.rowsPerPanel * panelRowByteCount }
    /// Bytes of all rows of a band.
    var bandByteCount: Int { (grid.rowsPerBand ?? 0) * rowByteCount }
    /// Bytes of those that one tile has.
    var bandPieceByteCount: Int { (grid.rowsPerBand ?? 0) * panelRowByteCount }
    /// Bytes of all tiles beside each other.
    var blockByteCount: Int { grid.panelsAcross * panelByteCount }
    /// Bytes that the file holds for it.
    var storedByteCount: Int { grid.storedElementCount * bytesPerElement }

    /// The bytes of panels that follow each other in the file, from the part's first byte on.
    func byteRange(ofPanels panels: Range<Int>) -> Range<Int> {
        panels.lowerBound * panelByteCount..<min(storedByteCount, panels.upperBound * panelByteCount)
    }
}
