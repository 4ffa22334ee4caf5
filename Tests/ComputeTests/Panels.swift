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
        let sections = Self.sections(grouping, matrix.firstColumn, columns)
        for panel in 0..<panels {
            let start = panel * stride
            for index in 0..<sections.scales { bytes[start + index] = bench.byte() }
            for (section, isNested, end) in [
                (sections.scales, false, sections.offsets), (sections.offsets, false, sections.superScales),
                (sections.superScales, true, sections.superOffsets), (sections.superOffsets, true, sections.end),
            ] {
                Self.fill(&bytes, start + section..<start + end, isNested ? .f16 : grouping.scale, bench)
            }
        }
        self.bytes = bytes
        unsafe matrix.withPanelBytes(0..<panels) { raw in unsafe raw.copyBytes(from: bytes) }
    }

    /// The integer, without zero, that columns of the first block's start count from.
    func integer(row: Int, column: Int) -> Int {
        let (bits, c) = (grouping.bits, column % 32)
        let block = row / 16 * stride + column / 32 * 64 * bits + row % 16 * 4 + c % 4
        func byte(_ line: Int) -> Int { Int(bytes[block + 64 * line]) }
        if bits == 8 { return byte(c / 4) - grouping.zero }
        var value = c / 4 % 2 == 0 ? byte(c / 8) % 16 : byte(c / 8) / 16
        if bits == 5 { value += 16 * (byte(4) >> (c / 4) & 1) }
        if bits == 6 { value += 16 * (byte(4 + c / 16) >> (2 * (c / 4 % 4)) & 3) }
        return value - grouping.zero
    }

    func scale(row: Int, column: Int) -> Float {
        let sections = Self.sections(grouping, matrix.firstColumn, matrix.columns)
        return number(row, column, sections.scales, sections.superScales)
    }

    func offset(row: Int, column: Int) -> Float {
        let sections = Self.sections(grouping, matrix.firstColumn, matrix.columns)
        return grouping.hasOffsets ? number(row, column, sections.offsets, sections.superOffsets) : 0
    }

    private func number(_ row: Int, _ column: Int, _ section: Int, _ superSection: Int) -> Float {
        let origin = matrix.firstColumn - missing
        let group = (origin + column) / grouping.size - origin / grouping.size
        let start = row / 16 * stride
        let value = element(start + section, group * 16 + row % 16, grouping.scale)
        guard grouping.scale == .nested else { return value }
        return value * element(start + superSection, (origin + column) / 256 * 16 + row % 16, .f16)
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

    private struct Sections {
        var scales, offsets, superScales, superOffsets, end: Int
    }

    /// Where a panel's sections begin.
    private static func sections(_ grouping: Grouping, _ first: Int, _ columns: Int) -> Sections {
        let origin = first - first % 32
        let last = first + max(columns, 1) - 1
        let groups = last / grouping.size - origin / grouping.size + 1
        let blocks = columns == 0 ? 0 : (last - origin) / 32 + 1
        let size = Encoding.aligned(16 * groups * grouping.bytesPerElement(of: .scales))
        let superSize = grouping.scale == .nested ? Encoding.aligned(32 * (last / 256 + 1)) : 0
        let scales = blocks * 64 * grouping.bits
        let superScales = scales + (grouping.hasOffsets ? 2 : 1) * size
        return Sections(
            scales: scales, offsets: scales + size, superScales: superScales, superOffsets: superScales + superSize,
            end: superScales + (grouping.hasOffsets ? 2 : 1) * superSize)
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
