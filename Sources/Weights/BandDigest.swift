import Blueprint

/// Counts the checksums of bands while their pieces, one of each tile, come in any order.
///
/// A piece is what a tile holds of a band, row after row, filling included. A band's checksum is the XXH64 of the XXH64
/// of its pieces, left to right, 8 bytes each, lowest byte first: it can be counted from tiles as well as from rows.
struct BandDigest {
    private let info: TensorInfo
    private let bands: Range<Int>
    // [bands, panels across]
    private var pieces: [UInt64]

    /// Begins with the bands that hold any of `rows`.
    init(_ info: TensorInfo, rows: Range<Int>) {
        self.info = info
        bands = info.panels.bands(touching: rows)
        pieces = Array(repeating: 0, count: bands.count * info.panels.panelsAcross)
    }

    /// Takes the pieces that lie in whole bands of one tile.
    ///
    /// - Parameter bytes: rows `rows` of the tile at `across`, next to each other as stored.
    mutating func take(_ bytes: UnsafeRawBufferPointer, rows: Range<Int>, across: Int) {
        let rowByteCount = info.scalar.byteCount(info.panels.columnsPerPanel)
        for band in info.panels.bands(touching: rows) {
            let range = info.panels.rowRange(ofBand: band)
            let start = (range.lowerBound - rows.lowerBound) * rowByteCount
            let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + range.count * rowByteCount])
            pieces[(band - bands.lowerBound) * info.panels.panelsAcross + across] = unsafe XXH64.hash(piece)
                .littleEndian
        }
    }

    /// The checksum of each band, from the top, once all its pieces came.
    func checksums() -> [(band: Int, checksum: UInt64)] {
        let byteCount = info.panels.panelsAcross * 8
        return unsafe pieces.withUnsafeBytes { bytes in
            bands.enumerated().map { index, band in
                let row = unsafe UnsafeRawBufferPointer(rebasing: bytes[index * byteCount..<(index + 1) * byteCount])
                return (band, unsafe XXH64.hash(row))
            }
        }
    }
}
