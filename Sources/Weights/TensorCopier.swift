import Blueprint

/// Moves tensors from a checkpoint to a weights file, in pieces of whole rows that bound the memory in use.
struct TensorCopier {
    private let totalByteCount: Int
    private var byteCount = 0
    // The largest piece as the checkpoint has it, and as the weights file will.
    private let source: StagingBuffer
    private let target: StagingBuffer

    private static let maximumPieceByteCount = 1 << 24

    init(_ items: [CheckpointReview.Item]) {
        totalByteCount = items.reduce(0) { $0 + $1.tensor.byteCount }
        let rows = items.map { 4 * $0.info.panels.rowsPerPanel * $0.info.columns }
        let largest = max(Self.maximumPieceByteCount, rows.max() ?? 0)
        source = StagingBuffer(byteCount: largest)
        target = StagingBuffer(byteCount: largest)
    }

    /// Copies and converts one tensor, and says what was wrong with its numbers.
    mutating func copy(
        _ item: CheckpointReview.Item, to writer: inout TensorWriter, progress: (Importer.Progress) -> Void
    ) throws(WeightsError) -> ElementConversion.Findings {
        var findings = ElementConversion.Findings()
        let start = byteCount
        for rows in Self.rowPieces(item) {
            let from = unsafe Self.parts(of: item.encoding, rowCount: rows.count, columns: item.info.columns, in: source)
            let to = unsafe Self.parts(
                of: item.info.encoding, rowCount: rows.count, columns: item.info.columns, in: target)
            try unsafe item.tensor.read(rows: rows, into: from)
            findings += unsafe item.converter.convert(
                rowCount: rows.count, columns: item.info.columns, from: from.map { UnsafeRawBufferPointer($0) }, to: to)
            try unsafe writer.write(rows: rows, columns: 0..<item.info.columns, from: UnsafeRawBufferPointer(to[0]))
            byteCount = start + item.tensor.byteCount * rows.upperBound / item.info.rows
            progress(Importer.Progress(byteCount: byteCount, totalByteCount: totalByteCount, tensor: item.info.name))
        }
        return findings
    }

    /// Ranges of whole panels.
    private static func rowPieces(_ item: CheckpointReview.Item) -> [Range<Int>] {
        let grid = item.info.panels
        let rowsPerPiece =
            grid.isTiled
            ? grid.rowsPerPanel
            : grid.rowsPerPanel * max(1, maximumPieceByteCount / (4 * grid.columns * grid.rowsPerPanel))
        return stride(from: 0, to: grid.rows, by: rowsPerPiece).map { $0..<min(grid.rows, $0 + rowsPerPiece) }
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
