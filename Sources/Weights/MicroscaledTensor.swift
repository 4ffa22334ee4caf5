import Blueprint

/// A matrix of ``FourBitFloats``, as published checkpoints store it, or mlx-lm, which makes rows of words of the
/// blocks: the same bytes.
struct MicroscaledTensor: CheckpointTensor {
    // [..., rows, groups, 16 bytes], the first of two columns in the lower half, or [..., rows, words]
    private let blocks: SafetensorsEntry
    /// Rows of the blocks that are one of the matrix.
    private let blocksPerRow: Int
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
        blocksPerRow = groups
        shape = Array(blocks.shape.dropLast(2)) + [groups * FourBitFloats.groupSize]
    }

    /// What mlx-lm stores of a matrix.
    init(words: SafetensorsEntry, scales: SafetensorsEntry) throws(WeightsError) {
        for (part, type) in [(words, SafetensorsTensor.ElementType.unsigned32), (scales, .unsigned8)] {
            guard part.tensor.elementType == type, part.shape.count > 1 else {
                throw .malformed(
                    location: part.location, expected: "a matrix of \(type.rawValue), as of mxfp4",
                    found: "\(part.shape) of \(part.tensor.elementType.rawValue)")
            }
        }
        let rows = Array(words.shape.dropLast())
        groups = scales.shape[scales.shape.count - 1]
        let expected = rows + [words.shape[rows.count] / (Self.bytesPerGroup / 4)]
        guard scales.shape == expected, words.shape[rows.count].isMultiple(of: Self.bytesPerGroup / 4) else {
            throw scales.misfit(expected: expected, beside: words)
        }
        // Without rows, the header may state any number of words: no byte need be there for them.
        let (columns, overflows) = groups.multipliedReportingOverflow(by: FourBitFloats.groupSize)
        guard !overflows else {
            throw .malformed(location: words.location, expected: "fewer words in a row", found: "\(words.shape)")
        }
        (blocks, self.scales, blocksPerRow) = (words, scales, 1)
        shape = rows + [columns]
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
        try unsafe blocks.read(
            rows: rows.lowerBound * blocksPerRow..<rows.upperBound * blocksPerRow,
            into: [codes.prefix(codes.byteCount)])
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
