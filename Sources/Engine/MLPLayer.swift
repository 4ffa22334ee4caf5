import Blueprint
import Compute
import MPI
import Partition
import Weights

/// One rank's channels of an MLP.
struct MLPLayer: MixerLayer {
    let phase = Phase.mlp
    private let gate: LocalProjection?  // [local MLP width, width]
    private let up: LocalProjection  // [local MLP width, width]
    private let down: LastProjection
    private let activation: Activation

    init(_ mlp: MLP, plan: Plan, shard: any Slices) {
        gate = mlp.gate.map { LocalProjection($0, shard) }
        up = LocalProjection(mlp.up, shard)
        down = LastProjection(mlp.down, axis: mlp.axis, perUnit: 1, plan: plan, shard: shard)
        activation = mlp.activation
    }

    func forward(_ chunk: Chunk, state: SequenceState, on bench: Workbench) throws(MPIError) {
        let (operations, tokens) = (bench.operations, chunk.tokens)
        let raised = bench.buffers.up.viewed(columns: up.matrix.rows)
        let activated = bench.buffers.gate.viewed(columns: up.matrix.rows)
        let raising = up.product(into: raised)
        if let gate {
            operations.multiply(bench.buffers.normed, tokens: tokens, gate.product(into: activated), raising)
        } else {
            operations.multiply(bench.buffers.normed, tokens: tokens, raising)
        }
        operations.activate(
            activation, gate: gate == nil ? nil : activated, up: raised, tokens: tokens, into: activated)
        try down(activated, tokens: tokens, on: bench)
    }
}
