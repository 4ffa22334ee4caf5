public import Blueprint
public import Compute

/// One rank's slices of a model, in memory, wherever they come from.
public protocol Slices: AnyObject {
    /// The slice of a weight of two dimensions.
    func matrix(_ weight: Weight) -> Matrix
    /// The slice of a weight of one dimension, in float32.
    func vector(_ weight: Weight) -> Vector
    /// Bytes read from a file.
    var byteCountRead: Int { get }
}

extension Shard: Slices {}
