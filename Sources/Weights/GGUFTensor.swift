import Blueprint

/// A tensor of a GGUF file, its rows in the order of a checkpoint.
struct GGUFTensor: CheckpointTensor {
    let location: String
    let shape: [Int]
    let encoding: Encoding
    private let file: GGUFFile
    private let elementType: GGUFElementType
    private let byteRange: Range<Int>
    private let order: GGUFModel.RowOrder
    private let change: GGUFModel.ElementChange
    /// Whether elements count as rows, in whatever dimensions they lie.
    private var isVector = false

    private static let pieceByteCount = 1 << 22

    init(_ tensor: GGUFHeader.Tensor, of file: GGUFFile, as source: GGUFModel.Source) throws(WeightsError) {
        location = "\(file.path): '\(tensor.name)'"
        guard tensor.shape.count > 1 || tensor.elementType.blockColumns == 1 else {
            throw .unreadElements(
                location: location, known: "F32, F16, BF16, as vectors are", found: tensor.elementType.rawValue)
        }
        guard source.change == .none || tensor.elementType == .float32 else {
            throw .unreadElements(
                location: location, known: "F32, as numbers that are changed are", found: tensor.elementType.rawValue)
        }
        shape = source.shape
        encoding = tensor.elementType.encoding
        self.file = file
        elementType = tensor.elementType
        byteRange = tensor.byteRange
        order = source.order
        change = source.change
    }

    var byteCount: Int { byteRange.count }

    var vector: (any CheckpointTensor)? {
        guard case .plain = encoding, order == .same else { return nil }
        var vector = self
        vector.isVector = true
        return vector
    }

    private var columns: Int { shape.count > 1 && !isVector ? shape[shape.count - 1] : 1 }
    private var rowByteCount: Int { columns / elementType.blockColumns * elementType.blockByteCount }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        try unsafe check(rows, parts)
        let blocks: GGUFBlocks? =
            switch encoding {
            case .plain: nil
            case .grouped(let grouping): unsafe GGUFBlocks(elementType, grouping, columns: columns, into: parts)
            }
        let piece = max(1, Self.pieceByteCount / rowByteCount)
        let buffer = StagingBuffer(byteCount: (piece + 2 * rowsPerBlock) * rowByteCount)
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: piece) {
            let wanted = first..<min(rows.upperBound, first + piece)
            let stored = storedRows(for: wanted)
            let bytes = unsafe buffer.prefix(stored.count * rowByteCount)
            try unsafe file.read(at: byteRange.lowerBound + stored.lowerBound * rowByteCount, into: bytes)
            for row in wanted {
                let start = (storedRow(row) - stored.lowerBound) * rowByteCount
                let from = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + rowByteCount])
                let target = row - rows.lowerBound
                if let blocks {
                    unsafe blocks.unpack(from, row: target)
                } else {
                    unsafe UnsafeMutableRawBufferPointer(rebasing: parts[0][(target * rowByteCount)...])
                        .copyMemory(from: from)
                }
            }
        }
        unsafe apply(to: parts[0])
    }

    /// Makes the numbers of a checkpoint of those of the file.
    private func apply(to elements: UnsafeMutableRawBufferPointer) {
        switch change {
        case .none: return
        case .lessOne:
            let numbers = unsafe elements.assumingMemoryBound(to: Float.self)
            for index in numbers.indices { unsafe numbers[index] -= 1 }
        }
    }

    /// Rows of a checkpoint among which the file has them in another order.
    private var rowsPerBlock: Int {
        switch order {
        case .same: 1
        case .paired(let headSize): headSize
        }
    }

    /// The row of the file that is this row of a checkpoint.
    private func storedRow(_ row: Int) -> Int {
        switch order {
        case .same: return row
        case .paired(let headSize):
            let place = row % headSize
            let half = headSize / 2
            return row - place + (place < half ? 2 * place : 2 * (place - half) + 1)
        }
    }

    /// The rows of the file among which these are: whole blocks.
    private func storedRows(for rows: Range<Int>) -> Range<Int> {
        let first = rows.lowerBound / rowsPerBlock * rowsPerBlock
        return first..<(rows.upperBound + rowsPerBlock - 1) / rowsPerBlock * rowsPerBlock
    }

    private func check(_ rows: Range<Int>, _ parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        let expected = encoding.parts.map { encoding.rowByteCount(of: $0, columns: columns) * rows.count }
        let found = unsafe parts.map { $0.count }
        guard rows.lowerBound >= 0, rows.upperBound <= byteRange.count / rowByteCount, found == expected else {
            throw .badSlice(
                location: location, expected: "rows within \(shape) and buffers of \(expected) bytes",
                found: "\(rows) and buffers of \(found) bytes")
        }
    }
}
