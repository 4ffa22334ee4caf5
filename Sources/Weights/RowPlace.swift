/// Where rows of a part go: the first element of `rows` and `columns` to the start of the buffer, each row
/// `rowByteStride` bytes after the one before.
@safe struct RowPlace {
    /// The rows that it has room for.
    let rows: Range<Int>
    /// The elements of each.
    let columns: Range<Int>
    let bytesPerElement: Int
    let rowByteStride: Int
    private let buffer: UnsafeMutableRawBufferPointer

    init(
        _ buffer: UnsafeMutableRawBufferPointer, rows: Range<Int>, columns: Range<Int>, bytesPerElement: Int,
        rowByteStride: Int
    ) {
        self.rows = rows
        self.columns = columns
        self.bytesPerElement = bytesPerElement
        self.rowByteStride = rowByteStride
        unsafe self.buffer = buffer
        precondition(byteCount <= buffer.count && (rows.count < 2 || rowByteCount <= rowByteStride), "No room.")
    }

    /// Bytes of a row, without what lies before the next.
    var rowByteCount: Int { columns.count * bytesPerElement }

    /// Bytes from the first to the last.
    private var byteCount: Int { rows.isEmpty ? 0 : (rows.count - 1) * rowByteStride + rowByteCount }

    /// Whether all elements of a part's rows lie here as they do in the file.
    func hasWholeRows(of part: StoredPart) -> Bool {
        columns == 0..<part.grid.columns && rowByteStride == part.rowByteCount
    }

    /// The bytes of some rows, from a column on.
    func bytes(_ rows: Range<Int>, from column: Int) -> UnsafeMutableRawBufferPointer {
        let start = (rows.lowerBound - self.rows.lowerBound) * rowByteStride
        let end = min(byteCount, (rows.upperBound - self.rows.lowerBound) * rowByteStride)
        let offset = start + (column - columns.lowerBound) * bytesPerElement
        return unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<max(offset, end)])
    }

    /// The bytes of some rows that have all their elements next to each other.
    func bytes(_ rows: Range<Int>) -> UnsafeMutableRawBufferPointer { unsafe bytes(rows, from: columns.lowerBound) }

    /// Copies what another place has of this one's rows and columns.
    func take(_ other: RowPlace) {
        let (rows, columns) = (rows.clamped(to: other.rows), columns.clamped(to: other.columns))
        guard !rows.isEmpty, !columns.isEmpty else { return }
        let length = columns.count * bytesPerElement
        for row in rows {
            unsafe bytes(row..<row + 1, from: columns.lowerBound).copyMemory(
                from: UnsafeRawBufferPointer(
                    rebasing: other.bytes(row..<row + 1, from: columns.lowerBound)[..<length]))
        }
    }
}
