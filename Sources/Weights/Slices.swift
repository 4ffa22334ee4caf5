public import Blueprint
public import Compute

/// One rank's slices of a model, in memory, wherever they come from.
public protocol Slices: AnyObject {
    /// The slice of a weight of two dimensions.
    func matrix(_ weight: Weight) -> Matrix
    /// The slices of a weight of several members, of those that the rank holds.
    func matrices(_ weight: Weight) -> [Matrix]
    /// The slice of a weight of one dimension, in float32.
    func vector(_ weight: Weight) -> Vector
    /// The slices of a weight of several members of one dimension, likewise.
    func vectors(_ weight: Weight) -> [Vector]
    /// Bytes read from a file.
    var byteCountRead: Int { get }
}

extension Shard: Slices {}

/// Slices by the names of their weights.
struct SliceTable {
    var matrices: [String: [Matrix]] = [:]
    var vectors: [String: [Vector]] = [:]

    func matrix(_ weight: Weight) -> Matrix {
        precondition(weight.members == nil, "\(weight.name) is not one matrix")
        return matrices(weight)[0]
    }

    func matrices(_ weight: Weight) -> [Matrix] {
        guard let matrices = matrices[weight.name] else {
            preconditionFailure("\(weight.name) is not in the blueprint")
        }
        return matrices
    }

    func vector(_ weight: Weight) -> Vector {
        precondition(weight.members == nil, "\(weight.name) is not one vector")
        return vectors(weight)[0]
    }

    func vectors(_ weight: Weight) -> [Vector] {
        guard let vectors = vectors[weight.name] else { preconditionFailure("\(weight.name) is not in the blueprint") }
        return vectors
    }
}
