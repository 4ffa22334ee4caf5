import Blueprint
import HDF5

extension TensorReader {
    /// Reads whole bands out of the tiles at `down`, copies what is asked for and checks them.
    ///
    /// - Returns: the bytes that were read from the file.
    func readBands(_ rows: Range<Int>, down: Int, into target: SliceTarget) throws(WeightsError) -> Int {
        let grid = info.panels
        let top = grid.rowRange(down).lowerBound
        let rowByteCount = info.scalar.byteCount(grid.columnsPerPanel)
        var digest = BandDigest(info, rows: rows)
        for across in 0..<grid.panelsAcross {
            let columns = grid.columnRange(across)
            let piece = unsafe staging.prefix(rows.count * rowByteCount)
            var buffer = unsafe piece.mutableBytes
            do {
                let offset = (rows.lowerBound - top) * rowByteCount
                try dataset.readChunk(at: [top, columns.lowerBound], from: offset, into: &buffer)
            } catch {
                throw .broken(path: path, reason: error.description)
            }
            let bytes = UnsafeRawBufferPointer(piece)
            unsafe digest.take(bytes, rows: rows, across: across)
            unsafe target.take(bytes, rows: rows, columns: columns, rowByteCount: rowByteCount)
        }
        for (band, computed) in digest.checksums() where computed != checksums.bands[band] {
            throw damage(
                rows: grid.rowRange(ofBand: band), columns: 0..<info.columns, stored: checksums.bands[band],
                computed: computed)
        }
        return rows.count * rowByteCount * grid.panelsAcross
    }
}
