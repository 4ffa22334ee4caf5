import Blueprint

/// One array of a tensor of a weights file, for several threads to read at once.
struct PartReader: Sendable {
    let file: InputFile
    let tensor: TensorInfo
    let stored: StoredPart
    let checksums: Checksums
    /// The file's byte at which the part begins.
    let start: Int

    /// What is read and checked at a time.
    enum Unit {
        /// Panels of whole rows above each other.
        case panels(Range<Int>)
        /// Tiles beside each other, so many from the top.
        case tiles(down: Int)
        /// Rows, a number of whole bands, out of all the tiles beside each other.
        case bands(Range<Int>, down: Int)
    }

    private var grid: PanelGrid { stored.grid }

    /// What must be read for a slice, from the top.
    ///
    /// - Parameter limit: no more panels of whole rows at a time than this many rows lie in.
    func units(rows: Range<Int>, columns: Range<Int>, limit: Int = .max) -> [Unit] {
        guard !rows.isEmpty, !columns.isEmpty else { return [] }
        let down = grid.panelsDown(touching: rows)
        guard grid.isTiled else { return runs(rows: rows, limit: limit).map { .panels($0) } }
        return down.map { down in
            grid.bandRows(of: rows, columns, down).map { .bands($0, down: down) } ?? .tiles(down: down)
        }
    }

    /// The rows of a unit, whether wanted or not.
    func rows(of unit: Unit) -> Range<Int> {
        switch unit {
        case .panels(let panels): rows(ofPanels: panels)
        case .tiles(let down): grid.rowRange(down)
        case .bands(let rows, _): rows
        }
    }

    /// Reads a unit, checks it, and puts what it has of a place there.
    ///
    /// - Returns: the bytes that were read from the file.
    func read(_ unit: Unit, into place: RowPlace, _ space: ReadingSpace) throws(WeightsError) -> Int {
        switch unit {
        case .panels(let panels): try readPanels(panels, into: place, space)
        case .tiles(let down): try readTiles(down, into: place, space)
        case .bands(let rows, let down): try readBands(rows, down, into: place, space)
        }
    }

    /// Panels that are read at once, from the top: a panel that a border cuts stands by itself, so that all others can
    /// go straight to their place.
    private func runs(rows: Range<Int>, limit: Int) -> [Range<Int>] {
        let most = (limit - 1) / grid.rowsPerPanel + 1
        let longest = max(1, min(ReadingSpace.panelByteCount / stored.panelByteCount, most))
        var (runs, isOpen) = ([Range<Int>](), false)
        for panel in grid.panelsDown(touching: rows) {
            let range = grid.rowRange(panel)
            let isCut = range.lowerBound < rows.lowerBound || range.upperBound > rows.upperBound
            if let last = runs.last, isOpen, !isCut, last.count < longest {
                runs[runs.count - 1] = last.lowerBound..<panel + 1
            } else {
                runs.append(panel..<panel + 1)
            }
            isOpen = !isCut
        }
        return runs
    }

    private func rows(ofPanels panels: Range<Int>) -> Range<Int> {
        grid.rowRange(panels.lowerBound).lowerBound..<grid.rowRange(panels.upperBound - 1).upperBound
    }

    private func readPanels(
        _ panels: Range<Int>, into place: RowPlace, _ space: ReadingSpace
    ) throws(WeightsError) -> Int {
        let rows = rows(ofPanels: panels)
        let range = stored.byteRange(ofPanels: panels)
        let isDirect = place.hasWholeRows(of: stored) && rows == rows.clamped(to: place.rows)
        let bytes = unsafe isDirect ? place.bytes(rows) : space.panels.prefix(range.count)
        try unsafe load(panels, into: bytes)
        if !isDirect { unsafe place.take(wholeRows(rows, in: bytes)) }
        return range.count
    }

    private func readTiles(
        _ down: Int, into place: RowPlace, _ space: ReadingSpace
    ) throws(WeightsError) -> Int {
        let longest = max(1, space.panels.byteCount / stored.panelByteCount)
        let wanted = grid.panelsAcross(touching: place.columns)
        var byteCount = 0
        for first in stride(from: wanted.lowerBound, to: wanted.upperBound, by: longest) {
            let across = first..<min(wanted.upperBound, first + longest)
            let panels = down * grid.panelsAcross + first..<down * grid.panelsAcross + across.upperBound
            let bytes = unsafe space.panels.prefix(stored.byteRange(ofPanels: panels).count)
            try unsafe load(panels, into: bytes)
            unsafe join(bytes, across: across, rows: grid.rowRange(down), byteStride: stored.panelByteCount, to: place)
            byteCount += bytes.count
        }
        return byteCount
    }

    /// All elements of some rows, as they lie next to each other in the file.
    func wholeRows(_ rows: Range<Int>, in bytes: UnsafeMutableRawBufferPointer) -> RowPlace {
        unsafe RowPlace(
            bytes, rows: rows, columns: 0..<grid.columns, bytesPerElement: stored.bytesPerElement,
            rowByteStride: stored.rowByteCount)
    }
}
