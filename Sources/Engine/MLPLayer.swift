import Blueprint
import Compute
import MPI
import Partition
import Weights

/// One rank's channels of a gated MLP.
struct MLPLayer: MixerLayer {
    let phase = Phase.mlp
    private let gate: LocalProjection  // [local MLP width, width]
    private let up: LocalProjection  // [local MLP width, width]
    private let down: LastProjection
    private let activation: GatedMLP.Activation

    init(_ mlp: GatedMLP, plan: Plan, shard: any Slices) {
        gate = LocalProjection(mlp.gate, shard)
        up = LocalProjection(mlp.up, shard)
        down = LastProjection(mlp.down, axis: mlp.axis, perUnit: 1, plan: plan, shard: shard)
        activation = mlp.activation
    }

    func forward(_ chunk: Chunk, state: SequenceState, on bench: Workbench) throws(MPIError) {
        let (operations, tokens) = (bench.operations, chunk.tokens)
        let gated = bench.buffers.gate.viewed(columns: gate.matrix.rows)
        let raised = bench.buffers.up.viewed(columns: up.matrix.rows)
        operations.multiply(
            bench.buffers.normed, tokens: tokens, gate.product(into: gated), up.product(into: raised))
        switch activation {
        case .silu: operations.siluMultiply(gate: gated, up: raised, tokens: tokens, into: gated)
        }
        try down(gated, tokens: tokens, on: bench)
    }
}
