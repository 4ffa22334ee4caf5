import Blueprint

/// Moves tensors from a checkpoint to a weights file, in pieces that bound the memory in use.
struct TensorCopier {
    private let totalByteCount: Int
    private var byteCount = 0
    // The largest piece as the checkpoint has it, and as the weights file will.
    private let source: StagingBuffer
    private let target: StagingBuffer

    private static let maximumPieceByteCount = 1 << 24

    init(_ items: [CheckpointReview.Item]) {
        totalByteCount = items.reduce(0) { $0 + $1.entry.tensor.byteRange.count }
        let panels = items.map { 4 * $0.info.panels.rowsPerPanel * $0.info.panels.columnsPerPanel }
        let largest = max(Self.maximumPieceByteCount, panels.max() ?? 0)
        source = StagingBuffer(byteCount: largest)
        target = StagingBuffer(byteCount: largest)
    }

    /// Copies and converts one tensor, and says what was wrong with its numbers.
    mutating func copy(
        _ item: CheckpointReview.Item, to writer: inout TensorWriter, progress: (Importer.Progress) -> Void
    ) throws(WeightsError) -> ElementConversion.Findings {
        var findings = ElementConversion.Findings()
        for rows in Self.rowPieces(item) {
            for columns in Self.columnPieces(item, rowCount: rows.count) {
                let elementCount = rows.count * columns.count
                let from = unsafe source.prefix(item.encoding.byteCount(elementCount))
                let to = unsafe target.prefix(item.info.encoding.byteCount(elementCount))
                try unsafe read(item, rows: rows, columns: columns, into: from)
                findings += unsafe ElementConversion.convert(
                    UnsafeRawBufferPointer(from), item.encoding, to: to, item.info.encoding)
                try unsafe writer.write(rows: rows, columns: columns, from: UnsafeRawBufferPointer(to))
                byteCount += from.count
                progress(
                    Importer.Progress(byteCount: byteCount, totalByteCount: totalByteCount, tensor: item.info.name))
            }
        }
        return findings
    }

    /// Ranges of whole panels: many for a tensor in one piece, one row of tiles for a tiled one.
    private static func rowPieces(_ item: CheckpointReview.Item) -> [Range<Int>] {
        let grid = item.info.panels
        let rowsPerPiece =
            grid.isTiled
            ? grid.rowsPerPanel
            : grid.rowsPerPanel * max(1, maximumPieceByteCount / (4 * grid.columns * grid.rowsPerPanel))
        return stride(from: 0, to: grid.rows, by: rowsPerPiece).map { $0..<min(grid.rows, $0 + rowsPerPiece) }
    }

    private static func columnPieces(_ item: CheckpointReview.Item, rowCount: Int) -> [Range<Int>] {
        let grid = item.info.panels
        guard grid.isTiled else { return [0..<grid.columns] }
        let columnsPerPiece =
            grid.columnsPerPanel * max(1, maximumPieceByteCount / (4 * grid.columnsPerPanel * rowCount))
        return stride(from: 0, to: grid.columns, by: columnsPerPiece).map {
            $0..<min(grid.columns, $0 + columnsPerPiece)
        }
    }

    /// Reads a block of the checkpoint's tensor; in one go where its rows lie next to each other.
    private func read(
        _ item: CheckpointReview.Item, rows: Range<Int>, columns: Range<Int>,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(WeightsError) {
        let rowByteCount = item.encoding.byteCount(item.info.columns)
        let start = item.entry.tensor.byteRange.lowerBound + rows.lowerBound * rowByteCount
        guard columns.count < item.info.columns else {
            return try unsafe item.entry.part.read(at: start, into: buffer)
        }
        let length = item.encoding.byteCount(columns.count)
        for row in 0..<rows.count {
            let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[row * length..<(row + 1) * length])
            let offset = start + row * rowByteCount + item.encoding.byteCount(columns.lowerBound)
            try unsafe item.entry.part.read(at: offset, into: part)
        }
    }
}
