import Blueprint

/// A matrix of eight-bit floats (E4M3) with a float32 for every block of 128 rows and columns: decoded to float32, each
/// product rounded once, as the reference does.
///
/// DeepSeek-AI, DeepSeek-V3 Technical Report, 2024; Micikevicius et al., FP8 Formats for Deep Learning, 2022.
struct BlockScaledTensor: CheckpointTensor {
    private let values: SafetensorsEntry  // [rows, columns]
    private let scales: SafetensorsEntry  // [blocks of rows, blocks of columns]

    private static let blockSize = 128
    private static let suffix = "_scale_inv"

    /// The tensors of a checkpoint, values with their scales as one under the name of the values.
    static func merged(
        _ tensors: [String: any CheckpointTensor]
    ) -> [String: any CheckpointTensor] {
        var merged = tensors
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) where name.hasSuffix(suffix) {
            let values = String(name.dropLast(suffix.count))
            guard let scales = tensor as? SafetensorsEntry, let entry = tensors[values] as? SafetensorsEntry,
                entry.tensor.elementType == .float8Exponent4
            else { continue }
            guard let joined = BlockScaledTensor(entry, scales) else { continue }
            merged[name] = nil
            merged[values] = joined
        }
        return merged
    }

    /// Nil for scales of another type or shape.
    private init?(_ values: SafetensorsEntry, _ scales: SafetensorsEntry) {
        guard values.shape.count == 2, scales.tensor.elementType == .float32,
            scales.shape == values.shape.map({ ceilingQuotient($0, Self.blockSize) })
        else { return nil }
        self.values = values
        self.scales = scales
    }

    var shape: [Int] { values.shape }
    var byteCount: Int { values.byteCount + scales.byteCount }
    var location: String { values.location }
    var encoding: Encoding { .f32 }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        guard !rows.isEmpty else { return }
        let columns = shape[1]
        let blocks = rows.lowerBound / Self.blockSize..<(rows.upperBound - 1) / Self.blockSize + 1
        let across = ceilingQuotient(columns, Self.blockSize)
        let codes = StagingBuffer(byteCount: rows.count * columns)
        let factors = StagingBuffer(byteCount: blocks.count * across * 4)
        try unsafe values.read(rows: rows, into: [codes.prefix(codes.byteCount)])
        try unsafe scales.read(rows: blocks, into: [factors.prefix(factors.byteCount)])
        let (from, scaling) = unsafe (codes.prefix(codes.byteCount), factors.prefix(factors.byteCount))
        let table = Self.table
        for row in rows {
            for block in 0..<across {
                let place = (row / Self.blockSize - blocks.lowerBound) * across + block
                let bits = unsafe scaling.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self)
                let scale = Float(bitPattern: UInt32(littleEndian: bits))
                let start = (row - rows.lowerBound) * columns
                for offset in start + block * Self.blockSize..<start + min(columns, (block + 1) * Self.blockSize) {
                    let value = unsafe table[Int(from[offset])] * scale
                    unsafe parts[0].storeBytes(
                        of: value.bitPattern.littleEndian, toByteOffset: 4 * offset, as: UInt32.self)
                }
            }
        }
    }

    /// The number of each code: a sign, four bits of exponent, three of fraction; no infinities.
    private static let table: [Float] = (0..<256).map { code in
        let (exponent, fraction) = (code >> 3 & 15, code & 7)
        let magnitude: Float =
            switch (exponent, fraction) {
            case (15, 7): .nan
            case (0, _): Float(sign: .plus, exponent: -9, significand: Float(fraction))
            default: Float(sign: .plus, exponent: exponent - 7, significand: 1 + Float(fraction) / 8)
            }
        return code & 128 == 0 ? magnitude : -magnitude
    }
}
