import Blueprint
import Compute

/// A weight in the parts of a weights file, random, and its elements by the formula of ``Grouping``.
struct GroupedWeight {
    let grouping: Grouping
    let rows: Int
    let columns: Int
    private var parts: [Grouping.Part: [UInt8]] = [:]

    init(_ grouping: Grouping, rows: Int, columns: Int, seed: UInt64) {
        self.grouping = grouping
        self.rows = rows
        self.columns = columns
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state >> 20
        }
        func bytes(of number: Float, _ scale: Grouping.Scale) -> [UInt8] {
            let (word, count): (UInt32, Int) =
                switch scale {
                case .f16, .nested: (UInt32(Float16(number).bitPattern), 2)
                case .bf16: (number.bitPattern >> 16, 2)
                case .f32: (number.bitPattern, 4)
                }
            return (0..<count).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }
        func number() -> Float { Float(Int64(next() % 4001) - 2000) / 9000 }
        for part in grouping.parts {
            let count = rows * grouping.columns(of: part, in: 0..<columns).count
            parts[part] = (0..<count).flatMap { _ -> [UInt8] in
                switch part {
                case .values, .highBits: [UInt8(truncatingIfNeeded: next())]
                case .scales, .offsets:
                    grouping.scale == .nested
                        ? [UInt8(truncatingIfNeeded: next())] : bytes(of: number(), grouping.scale)
                case .superScales, .superOffsets: bytes(of: number() / 100, .nested)
                }
            }
        }
    }

    /// Where element `index` of a row of a part begins.
    private func start(_ part: Grouping.Part, _ row: Int, _ index: Int) -> Int {
        (row * grouping.columns(of: part, in: 0..<columns).count + index) * grouping.bytesPerElement(of: part)
    }

    /// The bits of element `index` of a row of a part, little-endian in the file.
    private func word(_ part: Grouping.Part, _ row: Int, _ index: Int) -> UInt32 {
        guard let bytes = parts[part] else { return 0 }
        let start = start(part, row, index)
        return (0..<grouping.bytesPerElement(of: part)).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
    }

    private func factor(_ part: Grouping.Part, _ outer: Grouping.Part, _ row: Int, _ column: Int) -> Float {
        let inner = word(part, row, column / grouping.size)
        switch grouping.scale {
        case .f16: return Float(Float16(bitPattern: UInt16(inner)))
        case .bf16: return Float(bitPattern: inner << 16)
        case .f32: return Float(bitPattern: inner)
        case .nested:
            let above = Float(Float16(bitPattern: UInt16(word(outer, row, column / 256))))
            return Float(Int8(bitPattern: UInt8(inner))) * above
        }
    }

    /// scale * (integer - zero) + offset, rounded once.
    func element(_ row: Int, _ column: Int) -> Float {
        var integer: Int
        if grouping.bits == 8 {
            integer = Int(word(.values, row, column))
        } else {
            integer = Int(word(.values, row, column / 2) >> (column % 2 == 0 ? 0 : 4) & 15)
            if grouping.bits == 5 { integer += Int(word(.highBits, row, column / 8) >> (column % 8) & 1) << 4 }
            if grouping.bits == 6 { integer += Int(word(.highBits, row, column / 4) >> (column % 4 * 2) & 3) << 4 }
        }
        let offset = grouping.hasOffsets ? factor(.offsets, .superOffsets, row, column) : 0
        let zero = grouping.hasOffsets ? 0 : 1 << (grouping.bits - 1)
        return offset.addingProduct(factor(.scales, .superScales, row, column), Float(integer - zero))
    }

    func floats(_ row: Int, _ range: Range<Int>) -> [Float] { range.map { element(row, $0) } }

    /// Rows of some columns as a reader finds them, and `skipped` columns before those; for the call alone.
    func withRows<Result>(
        _ range: Range<Int>, columns wanted: Range<Int>, skipped: Int = 0, _ body: (GroupedRows) -> Result
    ) -> Result {
        let given = wanted.lowerBound - skipped..<wanted.upperBound
        let copies = grouping.parts.map { part -> (Grouping.Part, [UInt8], Int) in
            let elements = grouping.columns(of: part, in: given)
            let rows = range.flatMap { row in
                parts[part, default: []][start(part, row, elements.lowerBound)..<start(part, row, elements.upperBound)]
            }
            return (part, rows, elements.count * grouping.bytesPerElement(of: part))
        }
        func gather(_ index: Int, _ found: [Grouping.Part: GroupedRows.Part]) -> Result {
            guard index < copies.count else {
                return body(
                    GroupedRows(count: range.count, columns: given.count, skippedColumns: skipped, parts: found))
            }
            let (part, bytes, stride) = copies[index]
            return unsafe bytes.withUnsafeBytes { bytes in
                var found = found
                found[part] = unsafe GroupedRows.Part(bytes: bytes, rowByteStride: stride)
                return gather(index + 1, found)
            }
        }
        return gather(0, [:])
    }

    /// A matrix of some columns of all rows.
    func matrix(
        _ bench: Workbench, columns wanted: Range<Int>, skipped: Int = 0, by instructionSet: InstructionSet = .chosen
    ) throws -> Matrix {
        let matrix = try bench.arena.matrix(
            rows: rows, columns: wanted.count, encoding: .grouped(grouping), firstColumn: wanted.lowerBound)
        withRows(0..<rows, columns: wanted, skipped: skipped) { matrix.pack($0, at: 0, by: instructionSet) }
        return matrix
    }

    /// The same elements in f32.
    func plain(_ bench: Workbench, columns wanted: Range<Int>) throws -> Matrix {
        let matrix = try bench.arena.matrix(rows: rows, columns: wanted.count, encoding: .f32)
        for row in 0..<rows { matrix.set(row: row, floats: floats(row, wanted)) }
        return matrix
    }
}

extension Grouping {
    /// Every form that there is.
    static let all: [Grouping] = [4, 5, 6, 8].flatMap { bits in
        [16, 32, 64, 128].flatMap { size in
            Scale.allCases.flatMap { scale in
                [false, true].compactMap { Grouping(bits: bits, size: size, scale: scale, hasOffsets: $0) }
            }
        }
    }
}
