import Blueprint

/// A matrix of ``FourBitFloats``, as published checkpoints store it.
struct MicroscaledTensor: CheckpointTensor {
    private let blocks: SafetensorsEntry  // [..., rows, groups, 16 bytes], the first of two columns in the lower half
    private let scales: SafetensorsEntry  // [..., rows, groups]: exponents
    private let groups: Int
    let shape: [Int]

    private static let suffixes = (blocks: "_blocks", scales: "_scales")
    private static let bytesPerGroup = 16

    /// The tensors of a checkpoint, blocks with their scales as one under the name of the blocks.
    static func merged(
        _ tensors: [String: any CheckpointTensor]
    ) -> [String: any CheckpointTensor] {
        var merged = tensors
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) where name.hasSuffix(suffixes.blocks) {
            let scalesName = name.dropLast(suffixes.blocks.count) + suffixes.scales
            guard let blocks = tensor as? SafetensorsEntry,
                let scales = tensors[String(scalesName)] as? SafetensorsEntry
            else { continue }
            guard let joined = MicroscaledTensor(blocks, scales) else { continue }
            merged[String(scalesName)] = nil
            merged[name] = joined
        }
        return merged
    }

    /// Nil for tensors of other types or shapes, which only have such names.
    private init?(_ blocks: SafetensorsEntry, _ scales: SafetensorsEntry) {
        guard blocks.tensor.elementType == .unsigned8, scales.tensor.elementType == .unsigned8,
            blocks.shape.count > 2, blocks.shape.last == Self.bytesPerGroup,
            scales.shape == Array(blocks.shape.dropLast())
        else { return nil }
        self.blocks = blocks
        self.scales = scales
        groups = blocks.shape[blocks.shape.count - 2]
        shape = Array(blocks.shape.dropLast(2)) + [groups * FourBitFloats.groupSize]
    }

    var byteCount: Int { blocks.byteCount + scales.byteCount }
    var location: String { blocks.location }

    var encoding: Encoding {
        get throws(WeightsError) {
            guard let grouping = Grouping.microscaled else {
                throw .unsupportedElements(location: location, found: "four-bit floats")
            }
            return .grouped(grouping)
        }
    }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        let groupCount = rows.count * groups
        let (codes, exponents) = (
            StagingBuffer(byteCount: groupCount * Self.bytesPerGroup), StagingBuffer(byteCount: groupCount)
        )
        // Rows of blocks are groups there.
        try unsafe blocks.read(
            rows: rows.lowerBound * groups..<rows.upperBound * groups, into: [codes.prefix(codes.byteCount)])
        try unsafe scales.read(rows: rows, into: [exponents.prefix(groupCount)])
        let (from, powers) = unsafe (codes.prefix(codes.byteCount), exponents.prefix(groupCount))
        for group in 0..<groupCount {
            var high: UInt32 = 0
            for byte in 0..<Self.bytesPerGroup {
                let code = unsafe from[group * Self.bytesPerGroup + byte]
                let (first, second) = (FourBitFloats.integer(code & 15), FourBitFloats.integer(code >> 4))
                unsafe parts[0][group * Self.bytesPerGroup + byte] = first & 15 | second << 4
                high |= UInt32(first >> 4) << (2 * byte) | UInt32(second >> 4) << (2 * byte + 1)
            }
            unsafe parts[1].storeBytes(of: high.littleEndian, toByteOffset: 4 * group, as: UInt32.self)
            let scale = FourBitFloats.scale(exponent: unsafe powers[group])
            unsafe parts[2].storeBytes(of: scale.littleEndian, toByteOffset: 2 * group, as: UInt16.self)
        }
    }
}
