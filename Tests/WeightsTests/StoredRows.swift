import Blueprint
import Weights

/// Rows of a tensor as a weights file has them, and their elements, computed the slow and plain way.
struct StoredRows {
    private let encoding: Encoding
    private let rowCount: Int
    private let columns: Int
    /// The bytes of each part.
    let parts: [[UInt8]]

    init(_ tensor: any CheckpointTensor, rows: Range<Int>) throws(WeightsError) {
        let encoding = try tensor.encoding
        let columns = tensor.shape.count > 1 ? tensor.shape[tensor.shape.count - 1] : 1
        let buffers = unsafe encoding.parts.map { part in
            UnsafeMutableRawBufferPointer.allocate(
                byteCount: encoding.rowByteCount(of: part, columns: columns) * rows.count, alignment: 16)
        }
        defer { unsafe buffers.forEach { unsafe $0.deallocate() } }
        unsafe buffers.forEach { unsafe _ = $0.initializeMemory(as: UInt8.self, repeating: 0xa5) }
        try unsafe tensor.read(rows: rows, into: buffers)
        (self.encoding, self.columns, rowCount) = (encoding, columns, rows.count)
        parts = unsafe buffers.map { unsafe Array($0) }
    }

    /// Row after row.
    func elements() -> [Float] {
        (0..<rowCount).flatMap { row in (0..<columns).map { element(row, $0) } }
    }

    private func element(_ row: Int, _ column: Int) -> Float {
        switch encoding {
        case .plain(let scalar):
            return number(scalar, .values, row, column)
        case .grouped(let grouping):
            var integer: Int
            if grouping.bits == 8 {
                integer = byte(.values, row, column)
            } else {
                integer = byte(.values, row, column / 2) >> (column % 2 * 4) & 15
                let (bits, perByte) = (grouping.bits - 4, grouping.bits > 4 ? 8 / (grouping.bits - 4) : 1)
                if bits > 0 {
                    let high = byte(.highBits, row, column / perByte) >> (column % perByte * bits)
                    integer |= (high & (1 << bits - 1)) << 4
                }
            }
            let product = scale(grouping, .scales, .superScales, row, column) * Float(integer - grouping.zero)
            guard grouping.hasOffsets else { return product }
            return product + scale(grouping, .offsets, .superOffsets, row, column)
        }
    }

    private func scale(
        _ grouping: Grouping, _ part: Grouping.Part, _ above: Grouping.Part, _ row: Int, _ column: Int
    ) -> Float {
        let group = column / grouping.size
        switch grouping.scale {
        case .f16: return number(.f16, part, row, group)
        case .bf16: return number(.bf16, part, row, group)
        case .f32: return number(.f32, part, row, group)
        case .nested:
            let integer = Int8(truncatingIfNeeded: byte(part, row, group))
            return number(.f16, above, row, column / 256) * Float(integer)
        }
    }

    private func number(_ scalar: Scalar, _ part: Grouping.Part, _ row: Int, _ index: Int) -> Float {
        let bits = (0..<scalar.bytesPerElement).reduce(UInt32(0)) {
            $0 | UInt32(byte(part, row, index * scalar.bytesPerElement + $1)) << (8 * $1)
        }
        switch scalar {
        case .f32: return Float(bitPattern: bits)
        case .bf16: return Float(bitPattern: bits << 16)
        case .f16: return Float(Float16(bitPattern: UInt16(bits)))
        }
    }

    private func byte(_ part: Grouping.Part, _ row: Int, _ index: Int) -> Int {
        let bytes = parts[encoding.parts.firstIndex(of: part) ?? 0]
        return Int(bytes[row * encoding.rowByteCount(of: part, columns: columns) + index])
    }
}
