internal import Blueprint
internal import CKernels

extension Matrix {
    /// The rows that a thread of a pool reads in products: who lays a matrix out on several threads lets each begin with
    /// its own, so that the memory is near the thread that will read it.
    public func rows(ofThread thread: Int, of threads: Int) -> Range<Int> {
        let block: Int =
            switch encoding {
            case .plain: 8
            case .grouped: Grouping.panelRows
            }
        let blocks = (rows + block - 1) / block
        return min(rows, blocks * thread / threads * block)..<min(rows, blocks * (thread + 1) / threads * block)
    }

    /// Lays rows of a grouped weight out, as a weights file has them. Several threads may do so for different panels.
    ///
    /// - Parameters:
    ///   - rows: begin at a multiple of `Grouping.panelRows`; of the last panel, those missing become zero.
    ///   - parts: for each of `Grouping.parts`, in their order, where the first row begins: its first element is the one
    ///     that column 0 shares. Any alignment will do.
    ///   - strides: bytes from one row of each part to the next.
    public func pack(rows: Range<Int>, from parts: [UnsafeRawPointer], strides: [Int]) {
        guard case .grouped(let grouping) = encoding else { preconditionFailure("Only grouped weights are packed.") }
        precondition(
            rows.lowerBound % Grouping.panelRows == 0 && rows.lowerBound >= 0 && rows.upperBound <= self.rows,
            "The rows must be panels of the matrix.")
        let given = unsafe parts.count
        precondition(given == grouping.parts.count && given == strides.count, "Each part is needed.")
        guard columns > 0 else { return }
        var layout = self.grouping
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Grouping.panelRows) {
            let count = min(Grouping.panelRows, rows.upperBound - first)
            var source = unsafe lockstep_grouped_rows()
            for (index, part) in grouping.parts.enumerated() {
                let start = unsafe parts[index] + (first - rows.lowerBound) * strides[index]
                unsafe source.set(part, start, stride: strides[index])
            }
            unsafe lockstep_pack(
                &source, count, columns, encoding.code, &layout, start + first / Grouping.panelRows * rowByteStride)
        }
    }
}

extension lockstep_grouped_rows {
    /// Says where the first row of a part begins, and how far it is from one row to the next.
    mutating func set(_ part: Grouping.Part, _ start: UnsafeRawPointer, stride: Int) {
        let halves = unsafe start.assumingMemoryBound(to: UInt16.self)
        switch part {
        case .values:
            unsafe (values, values_stride) = (start.assumingMemoryBound(to: UInt8.self), stride)
        case .highBits:
            unsafe (high_bits, high_bits_stride) = (start.assumingMemoryBound(to: UInt8.self), stride)
        case .scales:
            unsafe (scales, scales_stride) = (start, stride)
        case .offsets:
            unsafe (offsets, offsets_stride) = (start, stride)
        case .superScales:
            unsafe (super_scales, super_scales_stride) = (halves, stride)
        case .superOffsets:
            unsafe (super_offsets, super_offsets_stride) = (halves, stride)
        }
    }
}
