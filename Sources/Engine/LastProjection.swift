import Blueprint
import Compute
import Partition
import Weights

/// The last projection of a mixer, where the ranks' parts come together.
struct LastProjection {
    private let matrix: Matrix  // sum: [width, local inputs]; gather: [local width, inputs]
    private let bias: Vector?  // [width]
    private let split: Split  // of the inputs
    private let widths: Split  // of the outputs
    private let perUnit: Int
    private let inputs: Int

    /// - Parameters:
    ///   - axis: the axis of the inputs.
    ///   - perUnit: inputs of one unit.
    init(_ projection: Projection, axis: Axis, perUnit: Int, plan: Plan, shard: Shard) {
        matrix = shard.matrix(projection.weight)
        bias = projection.bias.map { shard.vector($0) }
        split = plan.split(of: axis)
        widths = plan.split(of: plan.blueprint.widthAxis)
        self.perUnit = perUnit
        inputs = axis.count * perUnit
    }

    /// Makes the branch's complete `[tokens, width]` on every rank from each rank's `inner`, `[tokens, local inputs]`.
    func callAsFunction(_ inner: Buffer, tokens: Int, on bench: Workbench) throws {
        let buffers = bench.buffers
        switch bench.group.plan.policy.way {
        case .gather where !bench.group.isAlone:
            let whole = buffers.gathered.viewed(columns: inputs)
            try bench.group.gather(inner, split: split, perUnit: perUnit, tokens: tokens, into: whole)
            let part = buffers.part.viewed(columns: matrix.rows)
            bench.operations.multiply(whole, tokens: tokens, by: matrix, bias: nil, into: part)
            try bench.group.gather(part, split: widths, perUnit: 1, tokens: tokens, into: buffers.branch)
        case .sum, .gather:
            bench.operations.multiply(inner, tokens: tokens, by: matrix, bias: nil, into: buffers.branch)
            try bench.group.sum(buffers.branch, tokens: tokens)
        }
        if let bias { bench.operations.add(bias: bias, to: buffers.branch, tokens: tokens) }
    }
}
