import Blueprint
import Compute

extension PartReader {
    private var grid: PanelGrid { stored.grid }

    /// Puts rows of tiles together.
    ///
    /// - Parameters:
    ///   - bytes: rows `rows` of each of the tiles `across`.
    ///   - byteStride: bytes from one tile to the next.
    func join(
        _ bytes: UnsafeMutableRawBufferPointer, across: Range<Int>, rows: Range<Int>, byteStride: Int,
        to place: RowPlace
    ) {
        let wanted = rows.clamped(to: place.rows)
        let given = grid.columnRange(across.lowerBound).lowerBound..<grid.columnRange(across.upperBound - 1).upperBound
        let columns = given.clamped(to: place.columns)
        guard !wanted.isEmpty, !columns.isEmpty else { return }
        let width = grid.columnsPerPanel
        // At the borders tiles give a part of their columns.
        var column = columns.lowerBound
        while column < columns.upperBound {
            let tile = column / width
            let isWhole = column % width == 0 && column + width <= columns.upperBound
            let count = isWhole ? (columns.upperBound - column) / width : 1
            let length = isWhole ? width : min((tile + 1) * width, columns.upperBound) - column
            let start =
                (tile - across.lowerBound) * byteStride
                + (wanted.lowerBound - rows.lowerBound) * stored.panelRowByteCount
                + column % width * stored.bytesPerElement
            unsafe Tiles.join(
                UnsafeRawBufferPointer(rebasing: bytes[start...]), tileByteStride: byteStride,
                rowByteStride: stored.panelRowByteCount, byteCount: length * stored.bytesPerElement, count: count,
                rows: wanted.count, into: place.bytes(wanted, from: column), targetByteStride: place.rowByteStride)
            column += count * length
        }
    }

    /// Reads whole bands out of the tiles at `down`.
    func readBands(
        _ rows: Range<Int>, _ down: Int, into place: RowPlace, _ space: ReadingSpace
    ) throws(WeightsError) -> Int {
        // Bands that a border cuts, and all where some columns are not wanted, are put together elsewhere.
        let whole = grid.wholeBands(in: place.columns == 0..<grid.columns ? rows.clamped(to: place.rows) : 0..<0)
        for band in grid.bands(touching: rows) where !whole.contains(band) {
            let rows = grid.rowRange(ofBand: band)
            let own = unsafe wholeRows(rows, in: space.band.prefix(rows.count * stored.rowByteCount))
            try gather(rows, down, into: own, space)
            try check(rows, in: own, space)
            place.take(own)
        }
        if !whole.isEmpty {
            let rows =
                grid.rowRange(ofBand: whole.lowerBound).lowerBound..<grid.rowRange(ofBand: whole.last ?? 0).upperBound
            try gather(rows, down, into: place, space)
            try check(rows, in: place, space)
        }
        return rows.count * stored.panelRowByteCount * grid.panelsAcross
    }

    /// Reads rows out of the tiles at `down` and puts them together.
    private func gather(
        _ rows: Range<Int>, _ down: Int, into place: RowPlace, _ space: ReadingSpace
    ) throws(WeightsError) {
        let piece = rows.count * stored.panelRowByteCount
        let longest = max(1, space.panels.byteCount / piece)
        let offset = (rows.lowerBound - grid.rowRange(down).lowerBound) * stored.panelRowByteCount
        for first in stride(from: 0, to: grid.panelsAcross, by: longest) {
            let across = first..<min(grid.panelsAcross, first + longest)
            let bytes = unsafe space.panels.prefix(across.count * piece)
            for tile in across {
                let panel = down * grid.panelsAcross + tile
                let place = (tile - first) * piece
                try unsafe file.read(
                    at: start + panel * stored.panelByteCount + offset,
                    into: UnsafeMutableRawBufferPointer(rebasing: bytes[place..<place + piece]))
            }
            unsafe join(bytes, across: across, rows: rows, byteStride: piece, to: place)
        }
    }

    /// Checks whole bands that have been put together.
    private func check(_ rows: Range<Int>, in place: RowPlace, _ space: ReadingSpace) throws(WeightsError) {
        let bands = grid.bands(touching: rows)
        guard !place.hasWholeRows(of: stored) else {
            return try unsafe check(
                XXH64.hashes(of: UnsafeRawBufferPointer(place.bytes(rows)), byteCount: stored.bandByteCount), bands)
        }
        for band in bands {
            let rows = grid.rowRange(ofBand: band)
            let bytes = unsafe space.band.prefix(rows.count * stored.rowByteCount)
            unsafe wholeRows(rows, in: bytes).take(place)
            try check([unsafe XXH64.hash(UnsafeRawBufferPointer(bytes))], band..<band + 1)
        }
    }

    private func check(_ hashes: [UInt64], _ bands: Range<Int>) throws(WeightsError) {
        for (band, computed) in zip(bands, hashes) where checksums.bands[band] != computed {
            throw damage(
                rows: grid.rowRange(ofBand: band), columns: 0..<grid.columns, stored: checksums.bands[band],
                computed: computed)
        }
    }
}
