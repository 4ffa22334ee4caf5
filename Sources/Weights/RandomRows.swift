import Blueprint
import Compute

/// Rows of grouped integers drawn at random, part by part as a weights file has them.
struct RandomRows: Sendable {
    private let grouping: Grouping
    private let columns: Int
    private let numbers: RandomNumbers
    /// The scale around which those of the groups lie: sums of products then have a variance of one.
    private let scale: Float

    // Nested scales are integers around this.
    private static let nested = 48

    /// - Parameter columns: those of the whole weight.
    init(_ grouping: Grouping, columns: Int, _ numbers: RandomNumbers) {
        self.grouping = grouping
        self.columns = columns
        self.numbers = numbers
        scale = (12 / Float(max(1, columns))).squareRoot() / Float(1 << grouping.bits)
    }

    /// Gives `body` some columns of some rows.
    func withParts(rows: Range<Int>, columns: Range<Int>, _ body: (GroupedRows) -> Void) {
        // From the start of a period on, where all parts begin with a whole element.
        let skipped = columns.lowerBound % grouping.period
        let given = columns.lowerBound - skipped..<columns.upperBound
        var all: [UInt8] = []
        var places: [Grouping.Part: Range<Int>] = [:]
        for part in grouping.parts {
            let start = all.count
            for row in rows { append(part, row: row, columns: given, to: &all) }
            places[part] = start..<all.count
        }
        unsafe all.withUnsafeBytes { all in
            let parts = places.mapValues { place in
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: all[place])
                return unsafe GroupedRows.Part(bytes: bytes, rowByteStride: place.count / max(1, rows.count))
            }
            body(GroupedRows(count: rows.count, columns: given.count, skippedColumns: skipped, parts: parts))
        }
    }

    private func append(_ part: Grouping.Part, row: Int, columns: Range<Int>, to bytes: inout [UInt8]) {
        let elements = grouping.columns(of: part, in: columns)
        let kind = Grouping.Part.allCases.firstIndex(of: part) ?? 0
        switch part {
        case .values, .highBits:
            numbers.draw(row: row, kind: kind, bytes: elements, into: &bytes)
        case .scales, .offsets:
            var random: [UInt8] = []
            numbers.draw(row: row, kind: kind, bytes: elements, into: &random)
            let typical = part == .scales ? scale : -scale * Float(1 << (grouping.bits - 1))
            for byte in random { append(typical, varied: Int(byte % 32) - 16, to: &bytes) }
        case .superScales, .superOffsets:
            let typical = part == .superScales ? scale : -scale * Float(1 << (grouping.bits - 1))
            for _ in elements { append(bits: UInt32(Float16(typical / Float(Self.nested)).bitPattern), 2, to: &bytes) }
        }
    }

    /// A scale or an offset that is off the typical one by so many of 48 parts.
    private func append(_ typical: Float, varied by: Int, to bytes: inout [UInt8]) {
        let value = typical * Float(Self.nested + by) / Float(Self.nested)
        switch grouping.scale {
        case .f16: append(bits: UInt32(Float16(value).bitPattern), 2, to: &bytes)
        case .bf16: append(bits: value.bitPattern >> 16, 2, to: &bytes)
        case .f32: append(bits: value.bitPattern, 4, to: &bytes)
        case .nested: bytes.append(UInt8(Self.nested + by))
        }
    }

    private func append(bits: UInt32, _ count: Int, to bytes: inout [UInt8]) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(8 * index))) }
    }
}
