public import Blueprint
internal import CKernels

/// Widens rows of grouped integers to the numbers that products compute with.
@safe public struct Dequantizer: Sendable {
    /// What the numbers are.
    public let grouping: Grouping
    private let instructionSet: InstructionSet

    /// A widener of any grouping.
    public init(_ grouping: Grouping, instructionSet: InstructionSet) {
        self.grouping = grouping
        self.instructionSet = instructionSet
    }

    /// Widens whole rows.
    ///
    /// - Parameters:
    ///   - parts: a buffer for each of `Grouping.parts`, in their order, the rows of each next to each other.
    ///   - target: `[rows, columns]`.
    public func dequantize(
        _ parts: [UnsafeRawBufferPointer], rows: Int, columns: Int, into target: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(target.count == rows * columns, "The numbers must be rows times columns.")
        unsafe grouping.check(parts, rows: rows, columns: columns)
        guard rows > 0, columns > 0, let target = target.baseAddress else { return }
        let kernel = lockstep_grouping(
            scale: grouping.scale.code, has_offsets: grouping.hasOffsets ? 1 : 0, size: grouping.size, first: 0)
        unsafe withUnsafePointer(to: kernel) { kernel in
            let panel = UnsafeMutableRawPointer.allocate(
                byteCount: grouping.panelByteCount(columns: 0..<columns), alignment: Encoding.rowAlignment)
            defer { unsafe panel.deallocate() }
            for first in stride(from: 0, to: rows, by: Grouping.panelRows) {
                let count = min(Grouping.panelRows, rows - first)
                var from = unsafe self.rows(from: first, of: parts, columns: columns)
                unsafe lockstep_pack(instructionSet.code, &from, count, columns, grouping.code, kernel, panel)
                for row in 0..<count {
                    unsafe lockstep_unpack(
                        instructionSet.code, panel, row, columns, grouping.code, kernel,
                        target + (first + row) * columns)
                }
            }
        }
    }

    /// The rows from `first` on, as the kernels take them.
    private func rows(
        from first: Int, of parts: [UnsafeRawBufferPointer], columns: Int
    ) -> lockstep_grouped_rows {
        var rows = unsafe lockstep_grouped_rows()
        for unsafe (part, bytes) in unsafe zip(grouping.parts, parts) {
            let stride = grouping.rowByteCount(of: part, columns: columns)
            let remaining = unsafe UnsafeRawBufferPointer(rebasing: bytes[(first * stride)...])
            unsafe rows.set(part, GroupedRows.Part(bytes: remaining, rowByteStride: stride))
        }
        return unsafe rows
    }
}

extension Grouping {
    /// Bytes of a whole row of a part.
    func rowByteCount(of part: Part, columns: Int) -> Int {
        self.columns(of: part, in: 0..<columns).count * bytesPerElement(of: part)
    }

    /// Holds the promise that there is a buffer for each part, of the length of so many rows.
    func check(_ buffers: [UnsafeRawBufferPointer], rows: Int, columns: Int) {
        unsafe precondition(buffers.count == parts.count, "There must be a buffer for each part.")
        for unsafe (part, buffer) in unsafe zip(parts, buffers) {
            precondition(
                buffer.count == rows * rowByteCount(of: part, columns: columns), "Parts must have so many rows.")
        }
    }
}
