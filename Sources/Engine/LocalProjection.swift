import Blueprint
import Compute
import Weights

/// One rank's rows of a first projection.
struct LocalProjection {
    let matrix: Matrix  // [local outputs, inputs]
    private let bias: Vector?  // [local outputs]

    init(_ projection: Projection, _ shard: any Slices) {
        matrix = shard.matrix(projection.weight)
        bias = projection.bias.map { shard.vector($0) }
    }

    /// The projection of an input into a buffer.
    func product(into output: Buffer) -> Product { Product(matrix, bias: bias, into: output) }
}
