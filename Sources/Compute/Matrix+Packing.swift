public import Blueprint
internal import CKernels

/// Rows of a grouped encoding as a weights file has them, part by part.
///
/// The first byte of each part is that of the element which holds the first given column. The bytes must outlive the
/// value; they need not be aligned.
@safe public struct GroupedRows {
    /// One part of all rows.
    @safe public struct Part {
        let bytes: UnsafeRawBufferPointer
        let rowByteStride: Int

        /// - Parameter rowByteStride: bytes from one row's first byte to the next one's.
        public init(bytes: UnsafeRawBufferPointer, rowByteStride: Int) {
            unsafe self.bytes = bytes
            self.rowByteStride = rowByteStride
        }
    }

    /// Rows that are given.
    public let count: Int
    /// Columns that are given, those to skip among them.
    public let columns: Int
    /// Given columns before the first that is wanted.
    public let skippedColumns: Int
    let parts: [Grouping.Part: Part]

    /// Rows whose parts are all those of the grouping.
    public init(count: Int, columns: Int, skippedColumns: Int = 0, parts: [Grouping.Part: Part]) {
        precondition((0...columns).contains(skippedColumns) && count >= 0, "Columns to skip are among the given.")
        self.count = count
        self.columns = columns
        self.skippedColumns = skippedColumns
        self.parts = parts
    }
}

extension Matrix {
    /// Lays rows of a weights file out as rows of this matrix from `row` on, in panels of sixteen.
    ///
    /// `row` is a multiple of sixteen, and so is the number of rows unless they are the last: what is left of a panel
    /// becomes zero, and so do columns beyond those given. Threads may pack different panels at once. The bytes are the
    /// same with every instruction set.
    public func pack(_ rows: GroupedRows, at row: Int, by instructionSet: InstructionSet = .chosen) {
        guard case .grouped(let kind) = encoding else { preconditionFailure("Only grouped encodings lie in panels.") }
        let given = rows.columns - rows.skippedColumns
        precondition(row >= 0 && row % Grouping.panelRows == 0, "Rows are packed from the first of a panel on.")
        precondition(rows.count <= self.rows - row && given <= columns, "The rows must lie in the matrix.")
        let first = firstColumn - rows.skippedColumns % kind.period + kind.period
        let place = first % kind.period..<first % kind.period + rows.columns
        var work = unsafe lockstep_grouped_rows()
        for part in kind.parts {
            guard let found = rows.parts[part] else { preconditionFailure("Rows have all parts of their encoding.") }
            let byteCount = kind.columns(of: part, in: place).count * kind.bytesPerElement(of: part)
            let needed = rows.count == 0 ? 0 : (rows.count - 1) * found.rowByteStride + byteCount
            precondition(unsafe found.bytes.count >= needed, "Each part has the bytes of all rows.")
            unsafe work.set(part, found)
        }
        unsafe work.skipped = rows.skippedColumns
        unsafe work.absent = columns - given
        var grouping = grouping
        precondition(
            unsafe lockstep_panel_bytes(columns, encoding.code, &grouping) == rowByteStride,
            "Panels are as long as the kernels have them.")
        for first in stride(from: 0, to: rows.count, by: Grouping.panelRows) {
            let count = min(Grouping.panelRows, rows.count - first)
            unsafe lockstep_pack(
                instructionSet.code, &work, count, columns, encoding.code, &grouping,
                start + (row + first) / Grouping.panelRows * rowByteStride)
            unsafe work.advance(by: count)
        }
    }
}

extension Matrix {
    /// The rows that a thread of a pool reads in products: who lays a matrix out on several threads lets each begin
    /// with its own, so that the memory is near the thread that will read it.
    public func rows(ofThread thread: Int, of threads: Int) -> Range<Int> {
        let block: Int =
            switch encoding {
            case .plain: 8
            case .grouped: Grouping.panelRows
            }
        let blocks = (rows + block - 1) / block
        return min(rows, blocks * thread / threads * block)..<min(rows, blocks * (thread + 1) / threads * block)
    }
}

extension Matrix {
    /// Has memory found for rows that the calling thread is about to lay out, in the way that takes least time; of a
    /// grouped encoding they begin with a panel. What they hold stays as it is.
    package func occupyPages(of rows: Range<Int>) {
        let part = self.rows(rows)
        unsafe arena.occupyPages(from: part.start, byteCount: part.byteCount)
    }

    /// Writes all its memory, each thread the rows that it reads in products, so that there are pages to be read.
    ///
    /// Every element becomes a number that is neither zero nor denormal, which products might take another time for.
    package func occupy(on pool: Pool) {
        pool.run { thread in
            let own = rows(ofThread: thread, of: pool.threads)
            guard !own.isEmpty else { return }
            let part = rows(own)
            let byteCount = encoding.memoryByteCount(rows: own.count, columns: firstColumn..<firstColumn + columns)
            unsafe part.start.initializeMemory(as: UInt8.self, repeating: 0x21, count: byteCount)
        }
    }
}

extension lockstep_grouped_rows {
    /// Says where the first row of a part begins, and how far it is from one row to the next.
    mutating func set(_ part: Grouping.Part, _ found: GroupedRows.Part) {
        let start = unsafe found.bytes.baseAddress
        switch part {
        case .values:
            unsafe values = start?.assumingMemoryBound(to: UInt8.self)
            unsafe values_stride = found.rowByteStride
        case .highBits:
            unsafe high_bits = start?.assumingMemoryBound(to: UInt8.self)
            unsafe high_bits_stride = found.rowByteStride
        case .scales:
            unsafe scales = start
            unsafe scales_stride = found.rowByteStride
        case .offsets:
            unsafe offsets = start
            unsafe offsets_stride = found.rowByteStride
        case .superScales:
            unsafe super_scales = start
            unsafe super_scales_stride = found.rowByteStride
        case .superOffsets:
            unsafe super_offsets = start
            unsafe super_offsets_stride = found.rowByteStride
        }
    }

    /// Goes on to later rows.
    fileprivate mutating func advance(by rows: Int) {
        unsafe values = values.map { unsafe $0 + rows * values_stride }
        unsafe high_bits = high_bits.map { unsafe $0 + rows * high_bits_stride }
        unsafe scales = scales.map { unsafe $0 + rows * scales_stride }
        unsafe offsets = offsets.map { unsafe $0 + rows * offsets_stride }
        unsafe super_scales = super_scales.map { unsafe $0 + rows * super_scales_stride }
        unsafe super_offsets = super_offsets.map { unsafe $0 + rows * super_offsets_stride }
    }
}
