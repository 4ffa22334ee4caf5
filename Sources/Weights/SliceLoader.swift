import Blueprint
import Compute
import Partition

/// Reads one rank's slice of a weight and lays it out in memory, on any number of threads.
///
/// A thread's rows are those that it will itself read in products, but for borders of panels and tiles.
struct SliceLoader: Sendable {
    private let readers: [PartReader]
    private let slice: Slice
    private let matrix: Matrix
    /// Bytes that are read from the file.
    let byteCount: Int

    // Rows of a slice that a thread reads and packs at a time take about so many bytes.
    private static let stepByteCount = 1 << 18
    private static let longestStep = 512

    init(_ readers: [PartReader], _ slice: Slice, into matrix: Matrix) {
        self.readers = readers
        self.slice = slice
        self.matrix = matrix
        byteCount = readers[0].tensor.byteCount(reading: slice.rows, columns: slice.columns)
    }

    /// The parts that are read.
    var parts: [StoredPart] { readers.map(\.stored) }

    /// Bytes of rows on their way that a thread needs room for.
    var windowByteCount: Int {
        guard matrix.encoding.isGrouped else { return 0 }
        return readers.reduce(0) { $0 + RowWindow.capacity($1, step: step) * stride(of: $1) }
    }

    /// Reads, checks and lays out the rows of one thread, on any thread.
    ///
    /// - Parameter didRead: is told bytes that were read from the file; returns false to break off.
    func load(
        owner: Int, of threads: Int, _ space: ReadingSpace, didRead: (Int) -> Bool
    ) throws(WeightsError) {
        let rows = rows(ofThread: owner, of: threads)
        guard !rows.isEmpty, !slice.columns.isEmpty else { return }
        switch matrix.encoding {
        case .plain: try loadRows(rows, space, didRead)
        case .grouped: try loadPanels(rows, space, didRead)
        }
    }

    private func loadRows(
        _ rows: Range<Int>, _ space: ReadingSpace, _ didRead: (Int) -> Bool
    ) throws(WeightsError) {
        let (reader, stored) = (readers[0], inFile(rows))
        try unsafe matrix.withRowBytes(rows) { (bytes, rowByteStride) throws(WeightsError) in
            let place = unsafe RowPlace(
                bytes, rows: stored, columns: slice.columns, bytesPerElement: reader.stored.bytesPerElement,
                rowByteStride: rowByteStride)
            for unit in reader.units(rows: stored, columns: slice.columns) {
                let written = reader.rows(of: unit).clamped(to: stored)
                matrix.occupyPages(of: inMatrix(written))
                guard didRead(try reader.read(unit, into: place, space)) else { return }
            }
        }
    }

    private func loadPanels(
        _ rows: Range<Int>, _ space: ReadingSpace, _ didRead: (Int) -> Bool
    ) throws(WeightsError) {
        let windows = windows(inFile(rows), space)
        for first in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: step) {
            let rows = first..<min(rows.upperBound, first + step)
            var (parts, byteCount) = ([Grouping.Part: GroupedRows.Part](), 0)
            for window in windows {
                byteCount += try window.advance(to: inFile(rows), space)
                parts[window.part] = window.rows
            }
            // At last, so that the pages are still in the caches; before the rows were read, it was no faster.
            matrix.occupyPages(of: rows)
            matrix.pack(GroupedRows(count: rows.count, columns: matrix.columns, parts: parts), at: rows.lowerBound)
            guard didRead(byteCount) else { return }
        }
    }

    private func windows(_ rows: Range<Int>, _ space: ReadingSpace) -> [RowWindow] {
        var start = 0
        return readers.map { reader in
            let end = start + RowWindow.capacity(reader, step: step) * stride(of: reader)
            defer { start = end }
            return unsafe RowWindow(
                reader, rows: rows, columns: slice.columns, rowByteStride: stride(of: reader), step: step,
                in: UnsafeMutableRawBufferPointer(rebasing: space.window.prefix(end)[start...]))
        }
    }

    /// Rows that are packed at a time.
    private var step: Int {
        let grid = readers[0].stored.grid
        let rowByteCount = readers.reduce(0) { $0 + stride(of: $1) }
        let most = grid.isTiled ? grid.rowsPerPanel : min(Self.longestStep, Self.stepByteCount / max(1, rowByteCount))
        return max(1, most / Grouping.panelRows) * Grouping.panelRows
    }

    /// Bytes of a row of a part as it is packed, with that of columns which are held and not read.
    private func stride(of reader: PartReader) -> Int {
        let held = slice.columns.lowerBound..<slice.columns.lowerBound + matrix.columns
        return matrix.encoding.columns(of: reader.stored.part, in: held).count * reader.stored.bytesPerElement
    }

    /// The rows of the tensor that become some rows of the matrix.
    private func inFile(_ rows: Range<Int>) -> Range<Int> {
        slice.rows.lowerBound + rows.lowerBound..<slice.rows.lowerBound + rows.upperBound
    }

    /// The rows of the matrix that some rows of the tensor become.
    private func inMatrix(_ rows: Range<Int>) -> Range<Int> {
        rows.lowerBound - slice.rows.lowerBound..<rows.upperBound - slice.rows.lowerBound
    }

    /// The matrix's rows that a thread loads; all threads together load all.
    private func rows(ofThread thread: Int, of threads: Int) -> Range<Int> {
        let rows = matrix.rows(ofThread: thread, of: threads)
        return border(rows.lowerBound)..<(thread == threads - 1 ? slice.rows.count : border(rows.upperBound))
    }

    /// A border between two threads' rows: where there are tiles, one between tiles, which would be read twice.
    private func border(_ row: Int) -> Int {
        let grid = readers[0].stored.grid
        guard grid.isTiled, row > 0 else { return min(row, slice.rows.count) }
        let inFile = slice.rows.lowerBound + row
        let nearest = (inFile + grid.rowsPerPanel / 2) / grid.rowsPerPanel * grid.rowsPerPanel
        let moved = max(0, min(slice.rows.count, nearest - slice.rows.lowerBound))
        switch matrix.encoding {
        case .plain: return moved
        case .grouped: return moved / Grouping.panelRows * Grouping.panelRows
        }
    }
}
