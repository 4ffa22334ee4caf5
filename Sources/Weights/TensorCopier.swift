import Blueprint
import Compute
import Synchronization

/// Moves tensors from a checkpoint to a weights file, in pieces of whole rows that bound the memory in use.
///
/// Each thread of a pool reads, converts, counts and writes a piece at a time.
struct TensorCopier {
    private let pool: Pool
    private let spaces: [CopyingSpace]
    private let totalByteCount: Int
    private var byteCount = 0

    private static let pieceByteCount = 1 << 23
    private static let maximumByteCount = 80 << 20

    init(_ items: [CheckpointReview.Item], threads: Int) {
        let largest = items.map { $0.byteCounts(rowCount: Self.rowsPerPiece($0)) }
        let needed = CopyingSpace.ByteCounts(
            source: largest.map(\.source).max() ?? 0, target: largest.map(\.target).max() ?? 0,
            tiles: largest.map(\.tiles).max() ?? 0)
        pool = Pool(threads: min(threads, max(1, Self.maximumByteCount / max(1, needed.total))))
        spaces = (0..<pool.threads).map { _ in CopyingSpace(needed) }
        totalByteCount = items.reduce(0) { $0 + $1.tensor.byteCount }
    }

    /// Copies and converts one tensor, and says what was wrong with its numbers.
    mutating func copy(
        _ item: CheckpointReview.Item, to writer: TensorWriter,
        progress: (Importer.Progress) throws(WeightsError) -> Void
    ) throws(WeightsError) -> ElementConversion.Findings {
        let (rowsPerPiece, rowCount, start) = (Self.rowsPerPiece(item), item.info.rows, byteCount)
        let findings = Mutex(ElementConversion.Findings())
        let failure = Mutex<WeightsError?>(nil)
        // Between two rounds the caller's thread tells how far it is.
        for first in stride(from: 0, to: rowCount, by: rowsPerPiece * pool.threads) {
            pool.run { [spaces] thread in
                let begin = first + thread * rowsPerPiece
                guard begin < rowCount else { return }
                let rows = begin..<min(rowCount, begin + rowsPerPiece)
                do throws(WeightsError) {
                    let found = try spaces[thread].copy(item, rows: rows, to: writer)
                    findings.withLock { $0 += found }
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
            if let error = failure.withLock({ $0 }) { throw error }
            let done = min(rowCount, first + rowsPerPiece * pool.threads)
            byteCount = start + item.tensor.byteCount / rowCount * done
            if done == rowCount { byteCount = start + item.tensor.byteCount }
            try progress(
                Importer.Progress(byteCount: byteCount, totalByteCount: totalByteCount, tensor: item.info.name))
        }
        return findings.withLock { $0 }
    }

    /// Whole panels, as many as a piece holds.
    private static func rowsPerPiece(_ item: CheckpointReview.Item) -> Int {
        let rowsPerPanel = item.info.panels.rowsPerPanel
        return rowsPerPanel * max(1, pieceByteCount / max(1, item.byteCounts(rowCount: rowsPerPanel).total))
    }
}

/// What one thread copies with; no other uses it.
private final class CopyingSpace: @unchecked Sendable {
    /// Bytes of a piece in each of its forms.
    struct ByteCounts {
        /// As the checkpoint has it.
        var source: Int
        /// As the weights file has its rows.
        var target: Int
        /// The largest part in tiles.
        var tiles: Int

        var total: Int { source + target + tiles }
    }

    private let source: StagingBuffer
    private let target: StagingBuffer
    private let tiles: StagingBuffer

    init(_ byteCounts: ByteCounts) {
        source = StagingBuffer(byteCount: byteCounts.source)
        target = StagingBuffer(byteCount: byteCounts.target)
        tiles = StagingBuffer(byteCount: byteCounts.tiles)
    }

    func copy(
        _ item: CheckpointReview.Item, rows: Range<Int>, to writer: TensorWriter
    ) throws(WeightsError) -> ElementConversion.Findings {
        let columns = item.info.columns
        let from = unsafe Self.parts(of: item.encoding, rowCount: rows.count, columns: columns, in: source)
        let to = unsafe Self.parts(of: item.info.encoding, rowCount: rows.count, columns: columns, in: target)
        try unsafe item.tensor.read(rows: rows, into: from)
        let findings = unsafe item.converter.convert(
            rowCount: rows.count, columns: columns, from: from.map { UnsafeRawBufferPointer($0) }, to: to)
        try unsafe writer.write(rows: rows, from: to, tiles: tiles.prefix(tiles.byteCount))
        return findings
    }

    /// Places for the parts of some rows, one after another.
    private static func parts(
        of encoding: Encoding, rowCount: Int, columns: Int, in buffer: StagingBuffer
    ) -> [UnsafeMutableRawBufferPointer] {
        var start = 0
        return unsafe encoding.parts.map { part in
            let end = start + rowCount * encoding.rowByteCount(of: part, columns: columns)
            defer { start = end }
            return unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(end)[start...])
        }
    }
}

extension CheckpointReview.Item {
    /// What some rows take, of whole panels.
    fileprivate func byteCounts(rowCount: Int) -> CopyingSpace.ByteCounts {
        let down = ceilingQuotient(rowCount, info.panels.rowsPerPanel)
        return CopyingSpace.ByteCounts(
            source: encoding.fileByteCount(rows: rowCount, columns: 0..<info.columns),
            target: info.encoding.fileByteCount(rows: rowCount, columns: 0..<info.columns),
            tiles: info.parts.map { $0.grid.isTiled ? down * $0.blockByteCount : 0 }.max() ?? 0)
    }
}
