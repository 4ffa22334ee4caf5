import Blueprint
import Compute

/// A matrix of grouped integers with random contents, and its elements as the layout's description has them.
struct Panels {
    let grouping: Grouping
    let matrix: Matrix
    /// Column 0's place in its first block.
    let missing: Int
    private let bytes: [UInt8]
    private let stride: Int

    /// Integers of any value, scales and offsets of about one size.
    init(_ bench: Workbench, _ rows: Int, _ columns: Int, _ grouping: Grouping, firstColumn: Int = 0) throws {
        self.grouping = grouping
        matrix = try bench.arena.matrix(
            rows: rows, columns: columns, encoding: .grouped(grouping), firstColumn: firstColumn)
        missing = matrix.firstColumn % 32
        stride = matrix.rowByteStride
        let panels = (rows + 15) / 16
        var bytes = [UInt8](repeating: 0, count: panels * stride)
        let layout = Layout(grouping)
        for panel in 0..<panels {
            for index in panel * stride..<(panel + 1) * stride { bytes[index] = bench.byte() }
            for span in 0...max(0, (matrix.firstColumn + columns - 1) / 256) where columns > 0 {
                let start = panel * stride + layout.span(span, firstColumn: matrix.firstColumn)
                Self.fill(&bytes, start..<start + layout.superScales, grouping.scale, bench)
                Self.fill(&bytes, start + layout.superScales..<start + layout.values, .f16, bench)
            }
        }
        self.bytes = bytes
        unsafe matrix.withPanelBytes(0..<panels) { raw in unsafe raw.copyBytes(from: bytes) }
    }

    /// The integer, without zero, that columns of the first block's start count from.
    func integer(row: Int, column: Int) -> Int {
        let (bits, c) = (grouping.bits, column % 32)
        let layout = Layout(grouping)
        let place = matrix.firstColumn - missing + column
        let span = row / 16 * stride + layout.span(place / 256, firstColumn: matrix.firstColumn)
        let lacking = place < 256 ? matrix.firstColumn / 32 : 0
        let block = span + layout.values + (place % 256 / 32 - lacking) * 64 * bits + row % 16 * 4 + c % 4
        func byte(_ line: Int) -> Int { Int(bytes[block + 64 * line]) }
        if bits == 8 { return byte(c / 4) - grouping.zero }
        var value = c / 4 % 2 == 0 ? byte(c / 8) % 16 : byte(c / 8) / 16
        if bits == 5 { value += 16 * (byte(4) >> (c / 4) & 1) }
        if bits == 6 { value += 16 * (byte(4 + c / 16) >> (2 * (c / 4 % 4)) & 3) }
        return value - grouping.zero
    }

    func scale(row: Int, column: Int) -> Float {
        number(row, column, 0, Layout(grouping).superScales)
    }

    func offset(row: Int, column: Int) -> Float {
        let layout = Layout(grouping)
        return grouping.hasOffsets ? number(row, column, layout.offsets, layout.superOffsets) : 0
    }

    private func number(_ row: Int, _ column: Int, _ section: Int, _ superSection: Int) -> Float {
        let place = matrix.firstColumn - missing + column
        let start = row / 16 * stride + Layout(grouping).span(place / 256, firstColumn: matrix.firstColumn)
        let value = element(start + section, place % 256 / grouping.size * 16 + row % 16, grouping.scale)
        guard grouping.scale == .nested else { return value }
        return value * element(start + superSection, row % 16, .f16)
    }

    private func element(_ start: Int, _ index: Int, _ scale: Grouping.Scale) -> Float {
        func word(_ place: Int) -> UInt16 { UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8 }
        switch scale {
        case .nested: return Float(Int8(bitPattern: bytes[start + index]))
        case .f16: return Float(Float16(bitPattern: word(start + 2 * index)))
        case .bf16: return Float(bitPattern: UInt32(word(start + 2 * index)) << 16)
        case .f32:
            let low = UInt32(word(start + 4 * index))
            return Float(bitPattern: low | UInt32(word(start + 4 * index + 2)) << 16)
        }
    }

    /// Where a span's sections begin.
    private struct Layout {
        var offsets, superScales, superOffsets, values: Int
        private let blockBytes: Int

        init(_ grouping: Grouping) {
            offsets = 256 / grouping.size * 16 * grouping.bytesPerElement(of: .scales)
            superScales = grouping.hasOffsets ? 2 * offsets : offsets
            superOffsets = superScales + (grouping.scale == .nested ? 32 : 0)
            let end = grouping.scale == .nested && grouping.hasOffsets ? superOffsets + 32 : superOffsets
            values = (end + 63) / 64 * 64
            blockBytes = 64 * grouping.bits
        }

        /// A panel's span, the first of which lacks the blocks before that of its first column.
        func span(_ index: Int, firstColumn: Int) -> Int {
            index == 0 ? 0 : index * (values + 8 * blockBytes) - firstColumn / 32 * blockBytes
        }
    }

    private static func fill(
        _ bytes: inout [UInt8], _ range: Range<Int>, _ scale: Grouping.Scale, _ bench: Workbench
    ) {
        func put(_ word: UInt16, _ place: Int) {
            bytes[place] = UInt8(truncatingIfNeeded: word)
            bytes[place + 1] = UInt8(word >> 8)
        }
        for place in Swift.stride(from: range.lowerBound, to: range.upperBound, by: 4) {
            let numbers = [bench.number() / 8 + 0.2, bench.number() / 8 + 0.2]
            switch scale {
            case .nested: for i in 0..<4 { bytes[place + i] = bench.byte() }
            case .f16: for i in 0..<2 { put(Float16(numbers[i]).bitPattern, place + 2 * i) }
            case .bf16: for i in 0..<2 { put(UInt16(numbers[i].bitPattern >> 16), place + 2 * i) }
            case .f32:
                put(UInt16(truncatingIfNeeded: numbers[0].bitPattern), place)
                put(UInt16(numbers[0].bitPattern >> 16), place + 2)
            }
        }
    }
}

extension Workbench {
    /// A number from 0 to 255.
    func byte() -> UInt8 { UInt8(truncatingIfNeeded: Int((number() + 1) * 32768)) }
}
