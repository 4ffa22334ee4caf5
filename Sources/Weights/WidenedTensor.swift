import Blueprint
import Compute

/// Integers in groups, as the numbers in float32 that they stand for.
struct WidenedTensor: CheckpointTensor {
    private let tensor: any CheckpointTensor
    private let grouping: Grouping

    init(_ tensor: any CheckpointTensor, _ grouping: Grouping) {
        self.tensor = tensor
        self.grouping = grouping
    }

    var shape: [Int] { tensor.shape }
    var encoding: Encoding { .f32 }
    var byteCount: Int { tensor.byteCount }
    var location: String { tensor.location }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        let columns = shape[shape.count - 1]
        let spaces = grouping.parts.map { part in
            StagingBuffer(byteCount: rows.count * Encoding.grouped(grouping).rowByteCount(of: part, columns: columns))
        }
        try unsafe tensor.read(rows: rows, into: spaces.map { unsafe $0.prefix($0.byteCount) })
        // All instructions give the same numbers.
        let dequantizer = Dequantizer(grouping, instructionSet: .fastest)
        withExtendedLifetime(spaces) {
            unsafe dequantizer.dequantize(
                spaces.map { unsafe UnsafeRawBufferPointer($0.prefix($0.byteCount)) }, rows: rows.count,
                columns: columns, into: parts[0].assumingMemoryBound(to: Float.self))
        }
    }
}
