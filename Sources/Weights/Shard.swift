public import Blueprint
public import Compute
public import Partition

/// One rank's slices of a model, in memory.
///
/// A rank reads nothing else: each slice is one hyperslab of the weights file.
public final class Shard {
    /// Bytes read from the file, panels at the borders of a slice included.
    public private(set) var byteCountRead = 0
    private var matrices: [String: Matrix] = [:]
    private var vectors: [String: Vector] = [:]
    private let file: WeightsFile
    private let plan: Plan
    private let rank: Int

    /// Reads the slices of a rank.
    ///
    /// - Parameters:
    ///   - arena: has room for ``byteCount(plan:rank:file:)``.
    /// - Throws: ``WeightsError`` for a tensor that is missing, has another shape or is damaged.
    public init(file: WeightsFile, plan: Plan, rank: Int, arena: Arena) throws {
        self.file = file
        self.plan = plan
        self.rank = rank
        for weight in plan.blueprint.weights {
            if weight.isVector {
                vectors[weight.name] = try loadVector(weight, in: arena)
            } else {
                matrices[weight.name] = try loadMatrix(weight, in: arena)
            }
        }
    }

    /// The slice of a weight of two dimensions, in the file's encoding.
    public func matrix(_ weight: Weight) -> Matrix {
        guard let matrix = matrices[weight.name] else { preconditionFailure("\(weight.name) is not in the blueprint") }
        return matrix
    }

    /// The slice of a weight of one dimension, in float32.
    public func vector(_ weight: Weight) -> Vector {
        guard let vector = vectors[weight.name] else { preconditionFailure("\(weight.name) is not in the blueprint") }
        return vector
    }

    /// Bytes of an arena that holds a rank's slices.
    public static func byteCount(plan: Plan, rank: Int, file: WeightsFile) throws -> Int {
        try plan.blueprint.weights.reduce(0) { total, weight in
            let slice = plan.slice(of: weight, rank: rank)
            let size =
                weight.isVector
                ? Arena.byteCount(vector: slice.heldRows)
                : Arena.byteCount(
                    rows: slice.heldRows, columns: slice.heldColumns, encoding: try file.info(weight).encoding)
            return total + size
        }
    }

    // Rows and columns beyond the slice stay zero: they are the padding of a padded split.
    private func loadMatrix(_ weight: Weight, in arena: Arena) throws -> Matrix {
        let slice = plan.slice(of: weight, rank: rank)
        let encoding = try file.info(weight).encoding
        let matrix = try arena.matrix(
            rows: slice.heldRows, columns: slice.heldColumns, encoding: encoding)
        guard !slice.rows.isEmpty, !slice.columns.isEmpty else { return matrix }
        byteCountRead += try unsafe matrix.withRowBytes(0..<slice.rows.count) { bytes, rowByteStride in
            try unsafe file.read(
                weight.name, rows: slice.rows, columns: slice.columns, into: bytes, rowByteStride: rowByteStride)
        }
        return matrix
    }

    private func loadVector(_ weight: Weight, in arena: Arena) throws -> Vector {
        let slice = plan.slice(of: weight, rank: rank)
        let encoding = try file.info(weight).scalar
        let vector = try arena.vector(count: slice.heldRows)
        var bytes = [UInt8](repeating: 0, count: encoding.byteCount(slice.rows.count))
        byteCountRead += try unsafe bytes.withUnsafeMutableBytes { buffer in
            try unsafe file.read(
                weight.name, rows: slice.rows, columns: 0..<1, into: buffer,
                rowByteStride: encoding.bytesPerElement)
        }
        vector.elements(0..<slice.rows.count).withMutableSpan { span in
            _ = unsafe span.withUnsafeMutableBytes { target in
                unsafe bytes.withUnsafeBytes { unsafe ElementConversion.convert($0, encoding, to: target, .f32) }
            }
        }
        return vector
    }
}

extension WeightsFile {
    /// The stored form of a weight, after a check that it has the blueprint's shape.
    func info(_ weight: Weight) throws(WeightsError) -> TensorInfo {
        guard let info = tensor(weight.name) else { throw .unknownTensor(path: path, name: weight.name) }
        guard info.shape == weight.shape else {
            throw .shapeMismatch(location: "\(path): '\(weight.name)'", found: info.shape, expected: weight.shape)
        }
        return info
    }

    /// The encoding of each tensor by its name.
    public var encodings: [String: Encoding] {
        Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.encoding) })
    }
}
