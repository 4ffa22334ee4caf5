import Blueprint
import Glibc

/// A tensor of a GGUF file, its rows and columns in the order of a checkpoint.
struct GGUFTensor: CheckpointTensor {
    let location: String
    private(set) var shape: [Int]
    let encoding: Encoding
    private let file: GGUFFile
    private let elementType: GGUFElementType
    private let byteRange: Range<Int>
    private var order: GGUFModel.RowOrder
    private let columnOrder: GGUFHeadOrder?
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
        encoding = try Self.encoding(tensor.elementType, source.columnOrder, location)
        self.file = file
        elementType = tensor.elementType
        byteRange = tensor.byteRange
        order = source.order
        columnOrder = source.columnOrder
        change = source.change
    }

    private static func encoding(
        _ elementType: GGUFElementType, _ columnOrder: GGUFHeadOrder?, _ location: String
    ) throws(WeightsError) -> Encoding {
        guard let columnOrder, case .grouped(let grouping) = elementType.encoding else { return elementType.encoding }
        guard let dealt = grouping.dealing(columnOrder) else {
            throw .unreadElements(
                location: location, known: "F32, F16, BF16, as heads of \(columnOrder.headSize) columns are reordered",
                found: elementType.rawValue)
        }
        return .grouped(dealt)
    }

    var byteCount: Int { byteRange.count }

    var vector: (any CheckpointTensor)? {
        guard case .plain = encoding, columnOrder == nil else { return nil }
        var vector = self
        vector.isVector = true
        switch order {
        case .same: break
        case .dealt(let heads): vector.order = .dealt(heads.ofElements(columns))
        case .paired: return nil
        }
        return vector
    }

    private var columns: Int { shape.count > 1 && !isVector ? shape[shape.count - 1] : 1 }
    private var rowByteCount: Int { columns / elementType.blockColumns * elementType.blockByteCount }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        try unsafe check(rows, parts)
        let target = unsafe GGUFRows(elementType, encoding, columns: columns, columnOrder, into: parts)
        let piece = max(1, Self.pieceByteCount / rowByteCount)
        let buffer = StagingBuffer(byteCount: (piece + 2 * rowsPerBlock) * rowByteCount)
        var first = rows.lowerBound
        while first < rows.upperBound {
            let wanted = first..<min(rows.upperBound, first + min(piece, runLength(from: first)))
            first = wanted.upperBound
            let stored = storedRows(for: wanted)
            let bytes = unsafe buffer.prefix(stored.count * rowByteCount)
            try unsafe file.read(at: byteRange.lowerBound + stored.lowerBound * rowByteCount, into: bytes)
            for row in wanted {
                let start = (storedRow(row) - stored.lowerBound) * rowByteCount
                let from = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + rowByteCount])
                unsafe target.put(from, row: row - rows.lowerBound)
            }
        }
        try unsafe apply(to: parts[0])
    }

    /// Makes the numbers of a checkpoint of those of the file.
    private func apply(to elements: UnsafeMutableRawBufferPointer) throws(WeightsError) {
        switch change {
        case .none: return
        case .lessOne:
            let numbers = unsafe elements.assumingMemoryBound(to: Float.self)
            for index in numbers.indices { unsafe numbers[index] -= 1 }
        case .logarithmOfNegative:
            let numbers = unsafe elements.assumingMemoryBound(to: Float.self)
            for index in numbers.indices {
                let number = unsafe numbers[index]
                guard number < 0, number.isFinite else {
                    throw .malformed(location: location, expected: "numbers below zero", found: "\(number)")
                }
                unsafe numbers[index] = Float(log(-Double(number)))
            }
        }
    }

    /// Rows of a checkpoint among which the file has them in another order.
    private var rowsPerBlock: Int {
        switch order {
        case .same, .dealt: 1
        case .paired(let headSize): headSize
        }
    }

    /// Rows from this one on that lie in the file without others between them, or among whole blocks.
    private func runLength(from row: Int) -> Int {
        switch order {
        case .same, .paired: Int.max
        case .dealt(let heads): heads.runLength(from: row)
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
        case .dealt(let heads):
            return heads.place(of: row)
        }
    }

    /// The rows of the file among which these are: whole blocks.
    private func storedRows(for rows: Range<Int>) -> Range<Int> {
        if case .dealt(let heads) = order {
            let first = heads.place(of: rows.lowerBound)
            return first..<first + rows.count
        }
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
