package import Blueprint

/// A tensor of a checkpoint, in whatever form its file has it. Several threads may read it at once.
package protocol CheckpointTensor: Sendable {
    /// `[rows, columns]`, or `[count]` for a vector; with more dimensions all but the last count rows.
    var shape: [Int] { get }
    /// How its elements are written, as a weights file would have them.
    ///
    /// Throws ``WeightsError`` for elements that are not read; only tensors that a model needs are asked.
    var encoding: Encoding { get throws(WeightsError) }
    /// Bytes that it takes in the checkpoint.
    var byteCount: Int { get }
    /// The file and the tensor's name in it, as errors begin: `model.safetensors: 'model.norm.weight'`.
    var location: String { get }

    /// The same with each element as a row; nil where elements don't stand each by itself.
    var vector: (any CheckpointTensor)? { get }

    /// Reads whole rows, part by part, the rows of each part next to each other.
    ///
    /// - Parameter parts: a buffer for each of ``Blueprint/Encoding/parts``, in their order; of a plain encoding one.
    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError)
}

extension CheckpointTensor {
    package var vector: (any CheckpointTensor)? { nil }
}
