import Blueprint
import Compute
import Weights

/// A norm, whole on every rank.
struct LocalNorm {
    private let weight: Vector  // [width]
    private let bias: Vector?  // [width]
    private let epsilon: Float

    /// Adds the norm's addend to the weight where that lies in memory: of each weight one norm is made.
    init(_ norm: Norm, _ shard: any Slices) {
        weight = shard.vector(norm.weight)
        bias = norm.bias.map { shard.vector($0) }
        epsilon = norm.epsilon
        if norm.addend != 0 {
            for index in 0..<weight.count { weight[index] += norm.addend }
        }
    }

    /// The norm of each row; the output may be the input.
    func callAsFunction(_ x: Buffer, tokens: Int, into y: Buffer, _ operations: Operations) {
        operations.normalize(x, tokens: tokens, weight: weight, bias: bias, epsilon: epsilon, into: y)
    }

    /// The norm over groups of heads, of which this rank has some, in place, by sums of squares of all.
    ///
    /// - Parameters:
    ///   - heads: those of this rank, zeros left out.
    ///   - firstColumn: where the sums of the heads begin.
    func normalize(
        _ x: Buffer, tokens: Int, heads: Range<Int>, headSize: Int, bySquares sums: Buffer, from firstColumn: Int = 0,
        groupSize: Int, _ operations: Operations
    ) {
        operations.normalize(
            x, tokens: tokens, heads: heads.count, headSize: headSize, weight: weight, epsilon: epsilon,
            bySquares: sums, from: firstColumn, firstHead: heads.lowerBound, groupSize: groupSize)
    }

    /// The norm of each head of each row, in place.
    func normalizeHeads(_ x: Buffer, tokens: Int, heads: Int, headSize: Int, _ operations: Operations) {
        operations.normalizeHeads(
            x, tokens: tokens, heads: heads, headSize: headSize, weight: weight, epsilon: epsilon)
    }
}
