import Blueprint
import Foundation
import Weights

/// A checkpoint in memory whose matrices are grouped, with random integers, scales and offsets.
struct GroupedModel: CheckpointReader {
    var sample = SampleModel(width: 256, mlpWidth: 200, vocabulary: 37, layers: 1)
    let grouping: Grouping
    /// Is done to every tensor.
    var change: (inout GroupedTensor) -> Void = { _ in }

    let path = "memory"
    let name = "memory"

    func texts() -> [Checkpoint.Text: String] { [.configuration: sample.config] }
    func hash() -> UInt64 { 1 }

    func tensors() throws(WeightsError) -> [String: any CheckpointTensor] {
        Dictionary(try all().map { ($0.name, $0) }) { $1 }
    }

    /// Every tensor that config.json asks for: matrices in groups, vectors in float32.
    func all() throws(WeightsError) -> [GroupedTensor] {
        do {
            return try Blueprint(configuration: sample.config).weights.enumerated().map { index, weight in
                var tensor = GroupedTensor(
                    weight, weight.isVector ? .f32 : .grouped(grouping), seed: UInt64(index) + 1)
                change(&tensor)
                return tensor
            }
        } catch { throw .unsupportedModel(path: path, reason: "\(error)") }
    }

    /// Writes the weights file.
    func write(to path: String, threads: Int = 1) throws {
        _ = try Importer.run(
            Checkpoint(self), destination: path, encoding: .keep, programVersion: "0.0.1", threads: threads)
    }

    /// Groupings of every number of bits, size, type of scale, with and without offsets.
    static let groupings = [
        (4, 32, Grouping.Scale.f16, false), (8, 32, .f16, false), (4, 64, .bf16, true), (8, 128, .f32, true),
        (4, 128, .f16, true), (5, 32, .nested, true), (6, 16, .nested, false), (4, 32, .nested, true),
        (8, 64, .bf16, false), (5, 16, .f32, false), (6, 64, .f16, true),
    ].compactMap { Grouping(bits: $0, size: $1, scale: $2, hasOffsets: $3) }
}

/// A tensor in memory, part by part.
struct GroupedTensor: CheckpointTensor {
    let name: String
    let shape: [Int]
    let encoding: Encoding
    /// `[rows, elements]` each, in the order of the encoding's parts.
    private(set) var parts: [[UInt8]]

    init(_ weight: Weight, _ encoding: Encoding, seed: UInt64) {
        name = weight.name
        shape = weight.shape
        self.encoding = encoding
        var generator = Generator(state: seed)
        parts = encoding.parts.map { part in
            let count = weight.rows * encoding.rowByteCount(of: part, columns: weight.columns)
            return Self.bytes(part, of: encoding, count: count, &generator)
        }
    }

    var byteCount: Int { parts.reduce(0) { $0 + $1.count } }
    var location: String { "memory: '\(name)'" }
    var rows: Int { shape[0] }
    var columns: Int { shape.count > 1 ? shape[1] : 1 }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        for (index, part) in encoding.parts.enumerated() {
            let length = encoding.rowByteCount(of: part, columns: columns)
            unsafe parts[index].copyBytes(from: self.parts[index][rows.lowerBound * length..<rows.upperBound * length])
        }
    }

    /// Puts other bytes in place of an element of a part, where it has that part.
    mutating func set(_ part: Grouping.Part, row: Int, index: Int, _ bytes: [UInt8]) {
        guard let place = encoding.parts.firstIndex(of: part) else { return }
        let start = row * encoding.rowByteCount(of: part, columns: columns) + index * bytes.count
        parts[place].replaceSubrange(start..<start + bytes.count, with: bytes)
    }

    /// An element, by the formula of ``Grouping``, in double precision.
    func element(_ row: Int, _ column: Int) -> Double {
        guard case .grouped(let grouping) = encoding else { return number(.values, row, column) }
        let low = byte(.values, row, grouping.bits == 8 ? column : column / 2)
        var integer = grouping.bits == 8 ? low : column % 2 == 0 ? low & 15 : low >> 4
        if grouping.bits == 5 { integer |= (byte(.highBits, row, column / 8) >> (column % 8) & 1) << 4 }
        if grouping.bits == 6 { integer |= (byte(.highBits, row, column / 4) >> (column % 4 * 2) & 3) << 4 }
        var scale = number(.scales, row, column / grouping.size)
        var offset = grouping.hasOffsets ? number(.offsets, row, column / grouping.size) : 0
        if grouping.scale == .nested {
            scale *= number(.superScales, row, column / 256)
            offset *= grouping.hasOffsets ? number(.superOffsets, row, column / 256) : 0
        }
        return scale * Double(Int(integer) - grouping.zero) + offset
    }

    private func byte(_ part: Grouping.Part, _ row: Int, _ index: Int) -> UInt8 {
        guard let place = encoding.parts.firstIndex(of: part) else { return 0 }
        return parts[place][row * encoding.rowByteCount(of: part, columns: columns) + index]
    }

    private func number(_ part: Grouping.Part, _ row: Int, _ index: Int) -> Double {
        let size = encoding.bytesPerElement(of: part)
        let bits = (0..<size).reduce(UInt32(0)) { $0 | UInt32(byte(part, row, index * size + $1)) << (8 * UInt32($1)) }
        switch (encoding, part) {
        case (.plain, _): return Double(Float(bitPattern: bits))
        case (.grouped, .superScales), (.grouped, .superOffsets): return Double(Float16(bitPattern: UInt16(bits)))
        case (.grouped(let grouping), _):
            switch grouping.scale {
            case .f16: return Double(Float16(bitPattern: UInt16(bits)))
            case .bf16: return Double(Float(bitPattern: bits << 16))
            case .f32: return Double(Float(bitPattern: bits))
            case .nested: return Double(Int8(truncatingIfNeeded: bits))
            }
        }
    }

    /// Random bits; of floating-point numbers those of moderate size.
    private static func bytes(
        _ part: Grouping.Part, of encoding: Encoding, count: Int, _ generator: inout Generator
    ) -> [UInt8] {
        var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 24) }
        let isHalf: Bool
        switch (encoding, part) {
        case (.plain, _): isHalf = false
        case (.grouped, .values), (.grouped, .highBits): return bytes
        case (.grouped, .superScales), (.grouped, .superOffsets): isHalf = true
        case (.grouped(let grouping), _):
            if grouping.scale == .nested { return bytes }
            isHalf = grouping.scale == .f16
        }
        let size = encoding.bytesPerElement(of: part)
        for last in stride(from: size - 1, to: count, by: size) {
            bytes[last] = bytes[last] & 0x81 | (isHalf ? 0x28 : 0x3c)
        }
        return bytes
    }
}
