import Blueprint
import Compute
import Synchronization

/// One tensor of a weights file that is being written, by several threads at once; counts its checksums.
final class TensorWriter: Sendable {
    let info: TensorInfo
    private let file: OutputFile
    // The file's byte at which each part begins.
    private let starts: [Int]
    private let counted: Mutex<[Checksums]>

    init(_ info: TensorInfo, starts: [Int], file: OutputFile) {
        self.info = info
        self.starts = starts
        self.file = file
        counted = Mutex(
            info.parts.map { part in
                Checksums(
                    panels: Array(repeating: 0, count: part.grid.count),
                    bands: Array(repeating: 0, count: part.grid.bandCount))
            })
    }

    /// The checksums of each part, once everything is written.
    var checksums: [Checksums] { counted.withLock { $0 } }

    /// Writes rows that make up whole panels.
    ///
    /// - Parameters:
    ///   - parts: the rows of each part next to each other.
    ///   - tiles: as many bytes as the largest part of the rows takes in tiles.
    func write(
        rows: Range<Int>, from parts: [UnsafeMutableRawBufferPointer], tiles: UnsafeMutableRawBufferPointer
    ) throws(WeightsError) {
        for index in info.parts.indices {
            let bytes = unsafe UnsafeRawBufferPointer(parts[index])
            try unsafe write(rows, ofPart: index, from: bytes, tiles: tiles)
        }
    }

    private func write(
        _ rows: Range<Int>, ofPart index: Int, from bytes: UnsafeRawBufferPointer, tiles: UnsafeMutableRawBufferPointer
    ) throws(WeightsError) {
        let part = info.parts[index]
        let down = part.grid.panelsDown(touching: rows)
        let panels = down.lowerBound * part.grid.panelsAcross..<down.upperBound * part.grid.panelsAcross
        let range = part.byteRange(ofPanels: panels)
        var stored = unsafe bytes
        if part.grid.isTiled {
            unsafe cut(bytes, of: part, down: down, into: tiles)
            unsafe stored = UnsafeRawBufferPointer(rebasing: tiles[..<range.count])
        }
        let hashes = unsafe XXH64.hashes(of: stored, byteCount: part.panelByteCount)
        let bands = part.grid.bands(touching: rows)
        let bandHashes = unsafe bands.isEmpty ? [] : XXH64.hashes(of: bytes, byteCount: part.bandByteCount)
        counted.withLock { checksums in
            checksums[index].panels.replaceSubrange(panels, with: hashes)
            checksums[index].bands.replaceSubrange(bands, with: bandHashes)
        }
        try unsafe file.write(stored, at: starts[index] + range.lowerBound)
    }

    /// Cuts rows into tiles, a row of tiles after another.
    private func cut(
        _ bytes: UnsafeRawBufferPointer, of part: StoredPart, down: Range<Int>,
        into tiles: UnsafeMutableRawBufferPointer
    ) {
        let first = part.grid.rowRange(down.lowerBound).lowerBound
        for panel in down {
            let rows = part.grid.rowRange(panel)
            let source = (rows.lowerBound - first) * part.rowByteCount..<(rows.upperBound - first) * part.rowByteCount
            let target = (panel - down.lowerBound) * part.blockByteCount
            unsafe Tiles.cut(
                UnsafeRawBufferPointer(rebasing: bytes[source]), rowByteCount: part.rowByteCount,
                into: UnsafeMutableRawBufferPointer(rebasing: tiles[target..<target + part.blockByteCount]),
                tileRowByteCount: part.panelRowByteCount, tileRows: part.grid.rowsPerPanel)
        }
    }
}
