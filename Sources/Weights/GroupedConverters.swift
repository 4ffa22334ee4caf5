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
