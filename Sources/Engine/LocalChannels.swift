import Blueprint
import Compute
import Weights

/// One rank's channels of an MLP, up to its last projection.
struct LocalChannels {
    private let gate: LocalProjection?  // [local MLP width, width]
    private let up: LocalProjection  // [local MLP width, width]
    private let activation: Activation

    init(_ mlp: MLP, _ shard: any Slices) {
        gate = mlp.gate.map { LocalProjection($0, shard) }
        up = LocalProjection(mlp.up, shard)
        activation = mlp.activation
    }

    /// Reads the normed stream; the activations, `[tokens, local MLP width]`, lie in `buffers.gate`.
    func callAsFunction(tokens: Int, on bench: Workbench) -> Buffer {
        let raised = bench.buffers.up.viewed(columns: up.matrix.rows)
        let activated = bench.buffers.gate.viewed(columns: up.matrix.rows)
        let raising = up.product(into: raised)
        if let gate {
            bench.operations.multiply(
                bench.buffers.normed, tokens: tokens, gate.product(into: activated), raising)
        } else {
            bench.operations.multiply(bench.buffers.normed, tokens: tokens, raising)
        }
        bench.operations.activate(
            activation, gate: gate == nil ? nil : activated, up: raised, tokens: tokens, into: activated)
        return activated
    }
}
