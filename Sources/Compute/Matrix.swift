public import Blueprint
internal import CKernels

/// A stored weight [rows, columns] in an arena, in the encoding of its file.
///
/// A matrix is a reference: copies share the elements. Writing while an operation reads is a race.
@safe public struct Matrix: @unchecked Sendable {
    /// Rows; for a weight, outputs.
    public let rows: Int
    /// Columns; for a weight, inputs.
    public let columns: Int
    /// How an element is stored.
    public let encoding: Encoding
    /// Bytes from one row's start to the next one's, a multiple of `Encoding.rowAlignment`; of a grouped encoding, from
    /// one panel of sixteen rows to the next.
    public let rowByteStride: Int

    /// The place of column 0 in the period of a grouped encoding's groups; 0 for others.
    public let firstColumn: Int

    let start: UnsafeMutableRawPointer
    let arena: Arena

    init(
        start: UnsafeMutableRawPointer, rows: Int, columns: Int, encoding: Encoding, firstColumn: Int, arena: Arena
    ) {
        unsafe self.start = start
        self.rows = rows
        self.columns = columns
        self.encoding = encoding
        self.arena = arena
        self.firstColumn = firstColumn
        rowByteStride = encoding.memoryByteCount(rows: 1, columns: firstColumn..<firstColumn + columns)
    }

    /// Rows `range` as a matrix of its own, which shares the elements; of a grouped encoding they begin with a panel.
    public func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "The rows must lie in the matrix.")
        precondition(range.lowerBound % rowsPerStride == 0, "Rows of a grouped encoding begin with a panel.")
        return unsafe Matrix(
            start: start + range.lowerBound / rowsPerStride * rowByteStride, rows: range.count, columns: columns,
            encoding: encoding, firstColumn: firstColumn, arena: arena)
    }

    /// Gives the raw bytes of some rows of a plain encoding, each padded to the stride; the pointer must not outlive
    /// the call.
    public func withRowBytes<Result, Failure: Error>(
        _ range: Range<Int>,
        _ body: (_ bytes: UnsafeMutableRawBufferPointer, _ rowByteStride: Int) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "The rows must lie in the matrix.")
        precondition(rowsPerStride == 1, "Rows of a grouped encoding lie in panels.")
        let bytes = unsafe UnsafeMutableRawBufferPointer(
            start: start + range.lowerBound * rowByteStride, count: range.count * rowByteStride)
        return unsafe try body(bytes, rowByteStride)
    }

    /// Gives the raw bytes of some panels of a grouped encoding; the pointer must not outlive the call.
    package func withPanelBytes(
        _ range: Range<Int>, _ body: (_ bytes: UnsafeMutableRawBufferPointer) -> Void
    ) {
        precondition(encoding.isGrouped, "Only grouped encodings lie in panels.")
        let panels = (rows + Grouping.panelRows - 1) / Grouping.panelRows
        precondition(range.lowerBound >= 0 && range.upperBound <= panels, "The panels must lie in the matrix.")
        let bytes = unsafe UnsafeMutableRawBufferPointer(
            start: start + range.lowerBound * rowByteStride, count: range.count * rowByteStride)
        unsafe body(bytes)
    }

    /// A row's elements, widened.
    public func floats(row: Int) -> [Float] {
        precondition((0..<rows).contains(row), "The row must lie in the matrix.")
        return unsafe [Float](unsafeUninitializedCapacity: columns) { floats, count in
            if let base = floats.baseAddress { unsafe widen(row: row, by: .portable, into: base) }
            count = columns
        }
    }

    /// Sets a row of a plain encoding, each element rounded to the nearest that the encoding has, ties to even.
    public func set(row: Int, floats: [Float]) {
        precondition((0..<rows).contains(row) && floats.count == columns, "The row must have the matrix's columns.")
        precondition(rowsPerStride == 1, "Rows of a grouped encoding are packed, not set.")
        unsafe floats.withUnsafeBufferPointer { floats in
            guard let base = floats.baseAddress else { return }
            unsafe lockstep_narrow(base, columns, encoding.code, start + row * rowByteStride)
        }
    }

    /// What the kernels need to know of a grouped encoding.
    var grouping: lockstep_grouping {
        switch encoding {
        case .plain: lockstep_grouping()
        case .grouped(let grouping):
            lockstep_grouping(
                scale: grouping.scale.code, has_offsets: grouping.hasOffsets ? 1 : 0, size: grouping.size,
                first: firstColumn)
        }
    }

    /// Bytes in memory, padding included.
    public var byteCount: Int { (rows + rowsPerStride - 1) / rowsPerStride * rowByteStride }

    /// Rows that lie together, `rowByteStride` bytes from the next ones.
    private var rowsPerStride: Int {
        switch encoding {
        case .plain: 1
        case .grouped: Grouping.panelRows
        }
    }

    func widen(row: Int, by instructionSet: InstructionSet, into floats: UnsafeMutablePointer<Float>) {
        let bytes = unsafe start + row / rowsPerStride * rowByteStride
        switch encoding {
        case .plain:
            unsafe lockstep_widen(instructionSet.code, bytes, encoding.code, columns, floats)
        case .grouped:
            var grouping = grouping
            unsafe lockstep_unpack(
                instructionSet.code, bytes, row % rowsPerStride, columns, encoding.code, &grouping, floats)
        }
    }
}
