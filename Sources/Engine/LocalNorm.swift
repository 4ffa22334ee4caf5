import Blueprint
import Compute
import Weights

/// A norm, whole on every rank.
struct LocalNorm {
    let weight: Vector  // [width]
    let epsilon: Float

    init(_ norm: Norm, _ shard: any Slices) {
        weight = shard.vector(norm.weight)
        epsilon = norm.epsilon
    }
}
