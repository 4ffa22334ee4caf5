import Blueprint
import Compute
import Foundation

/// Rows as a quantizer left them, read by the definition of the form.
struct Rounded {
    let form: Grouping
    let rows: Int
    let columns: Int
    let parts: [[UInt8]]
    let notFiniteCount: Int
    let tooLargeCount: Int

    init(_ rows: [[Float]], _ form: Grouping, by set: InstructionSet = InstructionSet.supported.last ?? .portable) {
        let bytes = rows.flatMap { $0.flatMap { $0.bitPattern.bytes } }
        self.init(bytes: bytes, .f32, rows: rows.count, columns: rows[0].count, form, by: set)
    }

    init(
        bytes: [UInt8], _ scalar: Scalar, rows: Int, columns: Int, _ form: Grouping,
        by set: InstructionSet = InstructionSet.supported.last ?? .portable
    ) {
        self.form = form
        self.rows = rows
        self.columns = columns
        let counts = form.parts.map {
            rows * form.columns(of: $0, in: 0..<columns).count * form.bytesPerElement(of: $0)
        }
        // A byte between the parts leaves some at odd addresses.
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: counts.reduce(0) { $0 + $1 + 1 }, alignment: 64)
        defer { unsafe memory.deallocate() }
        var (buffers, start) = unsafe ([UnsafeMutableRawBufferPointer](), 0)
        for count in counts {
            unsafe buffers.append(UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + count]))
            start += count + 1
        }
        var found = (notFiniteCount: 0, tooLargeCount: 0)
        unsafe bytes.withUnsafeBytes { source in
            guard let quantizer = Quantizer(form, instructionSet: set) else { return }
            found = unsafe quantizer.quantize(source, scalar, rows: rows, columns: columns, into: buffers)
        }
        parts = unsafe buffers.map { unsafe Array($0) }
        (notFiniteCount, tooLargeCount) = found
    }

    /// An element in f64.
    func element(_ row: Int, _ column: Int) -> Double {
        let group = row * ((columns + form.size - 1) / form.size) + column / form.size
        let byte = parts[0][row * form.columns(of: .values, in: 0..<columns).count + column * form.bits / 8]
        let integer = form.bits == 8 ? Int(byte) : Int(column % 2 == 0 ? byte & 15 : byte >> 4)
        let scale = Stored.value(word(1, group), form.scale)
        return scale * Double(integer - form.zero) + (form.hasOffsets ? Stored.value(word(2, group), form.scale) : 0)
    }

    /// The sum of squared errors of a row.
    func error(_ row: Int, _ numbers: [Float]) -> Double {
        numbers.indices.reduce(0) { $0 + pow(element(row, $1) - Double(numbers[$1]), 2) }
    }

    func widened(by set: InstructionSet) -> [Float] {
        var numbers = [Float](repeating: .nan, count: rows * columns)
        let bytes = parts.flatMap { $0 }
        unsafe numbers.withUnsafeMutableBufferPointer { numbers in
            unsafe bytes.withUnsafeBytes { bytes in
                var (buffers, start) = unsafe ([UnsafeRawBufferPointer](), 0)
                for part in parts {
                    unsafe buffers.append(UnsafeRawBufferPointer(rebasing: bytes[start..<start + part.count]))
                    start += part.count
                }
                unsafe Dequantizer(form, instructionSet: set)
                    .dequantize(buffers, rows: rows, columns: columns, into: numbers)
            }
        }
        return numbers
    }

    private func word(_ part: Int, _ index: Int) -> UInt16 {
        UInt16(parts[part][2 * index]) | UInt16(parts[part][2 * index + 1]) << 8
    }
}

/// Numbers of 16 bits, by the language's own half type and by the definition of bf16.
enum Stored {
    static func value(_ word: UInt16, _ scale: Grouping.Scale) -> Double {
        scale == .f16 ? Double(Float16(bitPattern: word)) : Double(Float(bitPattern: UInt32(word) << 16))
    }

    /// The nearest word.
    static func word(_ value: Double, _ scale: Grouping.Scale) -> UInt16 {
        if scale == .f16 { return Float16(value).bitPattern }
        let below = UInt16(truncatingIfNeeded: Float(value).bitPattern >> 16)
        let (down, up) = (self.value(below, scale), self.value(below + 1, scale))
        return abs(value - down) <= abs(value - up) ? below : below + 1
    }

    /// The greatest scale that is used.
    static func greatest(_ scale: Grouping.Scale) -> Double { scale == .f16 ? 65504 : 255 * pow(2, 92) }

    /// The least number above zero.
    static func least(_ scale: Grouping.Scale) -> Double { value(1, scale) }

    /// All numbers from `low` to `high`, one of `stride`.
    static func values(_ range: ClosedRange<Double>, _ scale: Grouping.Scale, stride step: Int = 1) -> [Double] {
        stride(from: Int(word(range.lowerBound, scale)), through: Int(word(range.upperBound, scale)), by: step)
            .map { value(UInt16($0), scale) }
    }
}

/// The least errors, by trying everything.
enum Exhaustive {
    /// The error of a row in integers of a scale and an offset.
    static func error(_ row: [Float], _ scale: Double, _ offset: Double, _ form: Grouping) -> Double {
        let (low, high) = (Double(-form.zero), Double((1 << form.bits) - 1 - form.zero))
        return row.reduce(0) { sum, number in
            let above = Double(number) - offset
            let integer = scale == 0 ? 0 : min(max((above / scale).rounded(), low), high)
            return sum + (above - scale * integer) * (above - scale * integer)
        }
    }

    /// Without offsets: every stored scale of either sign.
    static func error(_ row: [Float], _ form: Grouping) -> Double {
        let half = Double(1 << (form.bits - 1))
        let greatest = Double(row.map(abs).max() ?? 0)
        return Stored.values(greatest / half / 2.5...greatest / half * 2.5, form.scale).reduce(.infinity) {
            min($0, error(row, $1, 0, form), error(row, -$1, 0, form))
        }
    }

    /// With offsets: a grid of scales times 24 offsets for each integer that there is room for.
    static func pairError(_ row: [Float], _ form: Grouping) -> Double {
        let integers = Double(1 << form.bits)
        let (low, high) = (Double(row.min() ?? 0), Double(row.max() ?? 0))
        let scales = Stored.values(
            (high - low) / integers / 1.4...(high - low) / integers * 1.6, form.scale,
            stride: form.scale == .f16 ? 4 : 1)
        return scales.reduce(.infinity) { least, scale in
            let last = max(low + scale / 2, high - (integers - 1.5) * scale)
            return stride(from: low - scale / 2, through: last, by: scale / 24).reduce(least) {
                let offset = Stored.value(Stored.word($1, form.scale), form.scale)
                return min($0, error(row, scale, offset, form))
            }
        }
    }

    /// The error of the scale that gives the greatest magnitude the greatest integer, or the range all integers.
    static func plainError(_ row: [Float], _ form: Grouping) -> Double {
        func stored(_ value: Double) -> Double { Stored.value(Stored.word(value, form.scale), form.scale) }
        let (low, high) = (Double(row.min() ?? 0), Double(row.max() ?? 0))
        if form.hasOffsets {
            return error(row, stored((high - low) / Double((1 << form.bits) - 1)), stored(low), form)
        }
        return error(row, stored(max(high, -low) / Double((1 << (form.bits - 1)) - 1)), 0, form)
    }
}

/// Numbers of several distributions, the same for a seed.
struct Numbers {
    enum Kind: CaseIterable { case normal, uniform, longTailed, outliers, positive, few }

    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    func rows(_ rows: Int, _ columns: Int, _ kind: Kind) -> [[Float]] {
        var numbers = self
        return (0..<rows).map { _ in (0..<columns).map { _ in numbers.next(kind) } }
    }

    mutating func next(below count: UInt64) -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return (state >> 20) % count
    }

    private mutating func uniform() -> Double { (Double(next(below: 1 << 40)) + 0.5) / Double(1 << 40) }

    private mutating func normal() -> Double {
        let radius = (-2 * log(uniform())).squareRoot()
        return radius * cos(2 * Double.pi * uniform())
    }

    private mutating func next(_ kind: Kind) -> Float {
        switch kind {
        case .normal: Float(0.02 * normal())
        case .uniform: Float(0.04 * uniform() - 0.02)
        case .longTailed: Float((uniform() < 0.5 ? 0.02 : -0.02) * log(uniform()))
        case .outliers: Float((uniform() < 0.05 ? 0.3 : 0.01) * normal())
        case .positive: Float(1 + 0.2 * uniform())
        case .few: Float([-0.03, 0, 0, 0.015, 0.03][Int(next(below: 5))])
        }
    }
}

extension FixedWidthInteger {
    /// Lowest first.
    var bytes: [UInt8] { (0..<bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }
}
