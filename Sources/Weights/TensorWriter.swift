import Blueprint
import HDF5

/// One tensor of a weights file that is being written; counts its checksums.
struct TensorWriter: ~Copyable {
    let info: TensorInfo
    private let path: String
    private let dataset: HDF5Dataset
    private var panelChecksums: [UInt64]
    private var bands: BandDigest
    private var tile: [UInt8]

    init(path: String, info: TensorInfo, dataset: consuming HDF5Dataset) {
        self.path = path
        self.info = info
        self.dataset = dataset
        panelChecksums = Array(repeating: 0, count: info.panels.count)
        bands = BandDigest(info, rows: 0..<info.rows)
        tile = info.panels.isTiled ? Array(repeating: 0, count: info.panelByteCount) : []
    }

    /// The checksums, once everything is written.
    var checksums: Checksums { Checksums(panels: panelChecksums, bands: bands.checksums().map(\.checksum)) }

    /// Writes a block that consists of whole panels, rows next to each other in `bytes`.
    mutating func write(
        rows: Range<Int>, columns: Range<Int>, from bytes: UnsafeRawBufferPointer
    ) throws(WeightsError) {
        if info.panels.isTiled {
            try unsafe writeTiles(rows: rows, columns: columns, from: bytes)
        } else {
            try unsafe writeRows(rows, from: bytes)
        }
    }

    private mutating func writeRows(_ rows: Range<Int>, from bytes: UnsafeRawBufferPointer) throws(WeightsError) {
        let rowByteCount = info.scalar.byteCount(info.columns)
        for down in info.panels.panelsDown(touching: rows) {
            let range = info.panels.rowRange(down)
            let part =
                (range.lowerBound - rows.lowerBound) * rowByteCount..<(range.upperBound - rows.lowerBound)
                * rowByteCount
            panelChecksums[down] = unsafe XXH64.hash(UnsafeRawBufferPointer(rebasing: bytes[part]))
        }
        var slab = Hyperslab(allOf: info.shape)
        slab.ranges[0] = rows
        let span = unsafe bytes.bytes
        do { try dataset.write(slab, from: span) } catch { throw wordingOfWriting(error, path) }
    }

    private mutating func writeTiles(
        rows: Range<Int>, columns: Range<Int>, from bytes: UnsafeRawBufferPointer
    ) throws(WeightsError) {
        let down = rows.lowerBound / info.panels.rowsPerPanel
        let start = columns.lowerBound
        for across in info.panels.panelsAcross(touching: columns) {
            let range = info.panels.columnRange(across)
            let part = (range.lowerBound - start)..<(range.upperBound - start)
            unsafe fillTile(from: bytes, rowCount: rows.count, columns: part, columnCount: columns.count)
            panelChecksums[down * info.panels.panelsAcross + across] = XXH64.hash(tile)
            unsafe tile.withUnsafeBytes { unsafe bands.take($0, rows: rows, across: across) }
            do { try unsafe dataset.writeChunk(at: [rows.lowerBound, range.lowerBound], from: tile.span.bytes) } catch {
                throw wordingOfWriting(error, path)
            }
        }
    }

    /// Gathers one tile out of a block; what lies outside the tensor is zero.
    private mutating func fillTile(
        from bytes: UnsafeRawBufferPointer, rowCount: Int, columns: Range<Int>, columnCount: Int
    ) {
        let tileRowByteCount = info.scalar.byteCount(info.panels.columnsPerPanel)
        let blockRowByteCount = info.scalar.byteCount(columnCount)
        let (offset, length) = (info.scalar.byteCount(columns.lowerBound), info.scalar.byteCount(columns.count))
        unsafe tile.withUnsafeMutableBytes { tile in
            unsafe tile.initializeMemory(as: UInt8.self, repeating: 0)
            for row in 0..<rowCount {
                let source = row * blockRowByteCount + offset
                let target = row * tileRowByteCount
                unsafe UnsafeMutableRawBufferPointer(rebasing: tile[target..<target + length])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[source..<source + length]))
            }
        }
    }
}
