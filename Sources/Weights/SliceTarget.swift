import Blueprint

/// Where a slice of a tensor goes: its first element at the start of the buffer, each row `rowByteStride` after the one
/// before.
@safe struct SliceTarget {
    let rows: Range<Int>
    let columns: Range<Int>
    let bytesPerElement: Int
    let rowByteStride: Int
    private let buffer: UnsafeMutableRawBufferPointer

    init(
        _ info: TensorInfo, rows: Range<Int>, columns: Range<Int>, buffer: UnsafeMutableRawBufferPointer,
        rowByteStride: Int, location: String
    ) throws(WeightsError) {
        guard rows.lowerBound >= 0, rows.upperBound <= info.rows, columns.lowerBound >= 0,
            columns.upperBound <= info.columns
        else {
            throw .badSlice(
                location: location, expected: "a part of \(info.shape)", found: "rows \(rows), columns \(columns)")
        }
        let rowByteCount = info.scalar.byteCount(columns.count)
        let needed = rows.isEmpty || columns.isEmpty ? 0 : (rows.count - 1) * rowByteStride + rowByteCount
        guard rows.count < 2 || rowByteStride >= rowByteCount, needed <= buffer.count else {
            throw .badSlice(
                location: location, expected: "a buffer of \(needed) bytes with rows \(rowByteCount) apart",
                found: "\(buffer.count) bytes with rows \(rowByteStride) apart")
        }
        self.rows = rows
        self.columns = columns
        bytesPerElement = info.scalar.bytesPerElement
        self.rowByteStride = rowByteStride
        unsafe self.buffer = buffer
    }

    /// The place of whole rows that lie in the buffer just as they do in the file; nil where they don't.
    func place(of rows: Range<Int>, in info: TensorInfo) -> UnsafeMutableRawBufferPointer? {
        let rowByteCount = info.scalar.byteCount(info.columns)
        guard !info.panels.isTiled, columns == 0..<info.columns, rowByteStride == rowByteCount,
            rows.lowerBound >= self.rows.lowerBound, rows.upperBound <= self.rows.upperBound
        else { return nil }
        let start = (rows.lowerBound - self.rows.lowerBound) * rowByteStride
        return unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + rows.count * rowByteCount])
    }

    /// Copies what a panel holds of the slice.
    func take(_ panel: UnsafeRawBufferPointer, rows: Range<Int>, columns: Range<Int>, rowByteCount: Int) {
        let wantedRows = rows.clamped(to: self.rows)
        let wantedColumns = columns.clamped(to: self.columns)
        guard !wantedRows.isEmpty, !wantedColumns.isEmpty else { return }
        let source = (wantedColumns.lowerBound - columns.lowerBound) * bytesPerElement
        let target = (wantedColumns.lowerBound - self.columns.lowerBound) * bytesPerElement
        let length = wantedColumns.count * bytesPerElement
        for row in wantedRows {
            let from = (row - rows.lowerBound) * rowByteCount + source
            let to = (row - self.rows.lowerBound) * rowByteStride + target
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[to..<to + length])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: panel[from..<from + length]))
        }
    }
}
