import Blueprint
import Compute

/// Rounds numbers to grouped integers.
struct RoundingConverter: RowConverter {
    private let source: Scalar
    private let quantizer: Quantizer

    /// Nil where the groups are not of a form that an import makes.
    init?(source: Scalar, target: Grouping, instructionSet: InstructionSet) {
        guard let quantizer = Quantizer(target, instructionSet: instructionSet) else { return nil }
        self.source = source
        self.quantizer = quantizer
    }

    func convert(
        rowCount: Int, columns: Int, from: [UnsafeRawBufferPointer], to: [UnsafeMutableRawBufferPointer]
    ) -> ElementConversion.Findings {
        let found = unsafe quantizer.quantize(from[0], source, rows: rowCount, columns: columns, into: to)
        return ElementConversion.Findings(nonFiniteCount: found.notFiniteCount, overflowCount: found.tooLargeCount)
    }
}

/// Leaves groups bit for bit as they are.
struct CopyingConverter: RowConverter {
    let grouping: Grouping

    func convert(
        rowCount: Int, columns: Int, from: [UnsafeRawBufferPointer], to: [UnsafeMutableRawBufferPointer]
    ) -> ElementConversion.Findings {
        for part in unsafe from.indices { unsafe to[part].copyMemory(from: from[part]) }
        // One number makes all of its group, or of several, what it is itself.
        let parts: [Grouping.Part] = grouping.scale == .nested ? [.superScales, .superOffsets] : [.scales, .offsets]
        let factors = unsafe parts.compactMap { grouping.parts.firstIndex(of: $0) }.map { unsafe from[$0] }
        let columnsEach = grouping.columnsPerElement(of: parts[0])
        let countPerRow = ceilingQuotient(columns, columnsEach)
        var findings = ElementConversion.Findings()
        for number in 0..<rowCount * countPerRow where unsafe !factors.allSatisfy({ unsafe isFinite(number, of: $0) }) {
            findings.nonFiniteCount += min(columnsEach, columns - number % countPerRow * columnsEach)
        }
        return findings
    }

    private func isFinite(_ number: Int, of factors: UnsafeRawBufferPointer) -> Bool {
        func bits<Bits: FixedWidthInteger>(_ type: Bits.Type) -> Bits {
            Bits(littleEndian: unsafe factors.loadUnaligned(fromByteOffset: number * (Bits.bitWidth / 8), as: type))
        }
        return switch grouping.scale {
        case .f16, .nested: bits(UInt16.self) & 0x7c00 != 0x7c00
        case .bf16: bits(UInt16.self) & 0x7f80 != 0x7f80
        case .f32: bits(UInt32.self) & 0x7f80_0000 != 0x7f80_0000
        }
    }
}

/// Widens grouped integers to numbers that stand each by itself.
struct WideningConverter: RowConverter {
    private let source: Grouping
    private let target: Scalar
    private let instructionSet: InstructionSet

    init(source: Grouping, target: Scalar, instructionSet: InstructionSet) {
        self.source = source
        self.target = target
        self.instructionSet = instructionSet
    }

    func convert(
        rowCount: Int, columns: Int, from: [UnsafeRawBufferPointer], to: [UnsafeMutableRawBufferPointer]
    ) -> ElementConversion.Findings {
        let dequantizer = Dequantizer(source, instructionSet: instructionSet)
        let rowByteCounts = source.parts.map { Encoding.grouped(source).rowByteCount(of: $0, columns: columns) }
        var findings = ElementConversion.Findings()
        // A panel at a time bounds the memory.
        var numbers = [Float](repeating: 0, count: min(rowCount, Grouping.panelRows) * columns)
        for first in stride(from: 0, to: rowCount, by: Grouping.panelRows) {
            let count = min(Grouping.panelRows, rowCount - first)
            let pieces = unsafe zip(from, rowByteCounts).map { part, length in
                unsafe UnsafeRawBufferPointer(rebasing: part[first * length..<(first + count) * length])
            }
            let length = target.byteCount(columns)
            let piece = unsafe UnsafeMutableRawBufferPointer(
                rebasing: to[0][first * length..<(first + count) * length])
            unsafe numbers.withUnsafeMutableBufferPointer { numbers in
                let rows = unsafe UnsafeMutableBufferPointer(rebasing: numbers[..<(count * columns)])
                unsafe dequantizer.dequantize(pieces, rows: count, columns: columns, into: rows)
                findings += unsafe ElementConversion.convert(UnsafeRawBufferPointer(rows), .f32, to: piece, target)
            }
        }
        return findings
    }
}
