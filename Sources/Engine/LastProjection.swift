import Blueprint
import Compute
import MPI
import Partition
import Weights

/// The last projection of a mixer, where the ranks' parts come together.
struct LastProjection {
    private let matrix: Matrix  // sum: [width, local inputs]; gather: [local width, inputs]
    private let bias: Vector?  // [width]
    private let inputs: Int
    private let inputGathering: Gathering
    private let outputGathering: Gathering

    /// - Parameters:
    ///   - axis: the axis of the inputs.
    ///   - perUnit: inputs of one unit.
    init(_ projection: Projection, axis: Axis, perUnit: Int, plan: Plan, shard: any Slices) {
        matrix = shard.matrix(projection.weight)
        bias = projection.bias.map { shard.vector($0) }
        inputs = axis.count * perUnit
        let cutting = plan.policy.cutting
        inputGathering = Gathering(plan.split(of: axis), perUnit: perUnit, cutting: cutting)
        outputGathering = Gathering(plan.split(of: plan.blueprint.widthAxis), perUnit: 1, cutting: cutting)
    }

    /// Makes the branch's complete `[tokens, width]` on every rank from each rank's `inner`, `[tokens, local inputs]`.
    func callAsFunction(_ inner: Buffer, tokens: Int, on bench: Workbench) throws(MPIError) {
        let (operations, group, branch) = (bench.operations, bench.group, bench.buffers.branch)
        switch group.plan.policy.way {
        case .gather where !group.isAlone:
            let whole = bench.buffers.gathered.viewed(columns: inputs)
            try group.gather(inner, inputGathering, tokens: tokens, into: whole, operations)
            let part = bench.buffers.part.viewed(columns: matrix.rows)
            operations.multiply(whole, tokens: tokens, by: matrix, into: part)
            try group.gather(part, outputGathering, tokens: tokens, into: branch, operations)
        case .sum, .gather:
            operations.multiply(inner, tokens: tokens, by: matrix, into: branch)
            try group.sum(branch, tokens: tokens, operations)
        }
        if let bias { operations.add(bias: bias, to: branch, tokens: tokens) }
    }
}
