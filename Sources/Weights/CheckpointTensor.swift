import Blueprint

/// A tensor of a checkpoint, in whatever form its file has it.
protocol CheckpointTensor: Sendable {
    /// `[rows, columns]`, or `[count]` for a vector.
    var shape: [Int] { get }
    /// How its elements are written, as a weights file would have them.
    var encoding: Encoding { get }
    /// Bytes that it takes in the checkpoint.
    var byteCount: Int { get }
    /// The file and the tensor's name in it, for errors.
    var location: String { get }

    /// Reads whole rows, part by part, the rows of each part next to each other.
    ///
    /// - Parameter parts: of a plain encoding one buffer, for the elements; of a grouped one a buffer for each of
    ///   `Grouping.parts`, in their order.
    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError)
}
