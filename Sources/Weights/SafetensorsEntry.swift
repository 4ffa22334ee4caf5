import Blueprint

/// A tensor of a `.safetensors` file, with the file.
struct SafetensorsEntry: CheckpointTensor {
    let file: SafetensorsFile
    let tensor: SafetensorsTensor
    /// Whether elements count as rows, in whatever dimensions they lie.
    private var isVector = false

    init(file: SafetensorsFile, tensor: SafetensorsTensor) {
        self.file = file
        self.tensor = tensor
    }

    /// The error of one that has not a number for each group of the words that belong to it.
    ///
    /// - Parameter reason: what else it follows from, in words.
    func misfit(expected: [Int], beside words: SafetensorsEntry, reason: String = "") -> WeightsError {
        .malformed(
            location: location, expected: "\(expected), for the words beside it, \(words.shape)\(reason)",
            found: "\(shape)")
    }

    var vector: (any CheckpointTensor)? {
        var vector = self
        vector.isVector = true
        return vector
    }

    var shape: [Int] { tensor.shape }
    var byteCount: Int { tensor.byteRange.count }
    var location: String { "\(file.path): '\(tensor.name)'" }

    var encoding: Encoding {
        get throws(WeightsError) {
            guard let scalar = tensor.elementType.encoding else {
                throw .unsupportedElements(location: location, found: tensor.elementType.rawValue)
            }
            return .plain(scalar)
        }
    }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        let rowByteCount =
            (shape.count > 1 && !isVector ? shape[shape.count - 1] : 1) * (tensor.elementType.bitCount / 8)
        try unsafe file.read(at: tensor.byteRange.lowerBound + rows.lowerBound * rowByteCount, into: parts[0])
    }
}
