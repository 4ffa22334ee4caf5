import Blueprint
import Compute
import MPI
import Partition
import Weights

/// One rank's channels of an MLP.
struct MLPLayer: MixerLayer {
    let phase = Phase.mlp
    private let channels: LocalChannels
    private let down: LastProjection

    init(_ mlp: MLP, plan: Plan, shard: any Slices) {
        channels = LocalChannels(mlp, shard)
        down = LastProjection(mlp.down, axis: mlp.axis, perUnit: 1, plan: plan, shard: shard)
    }

    func forward(_ chunk: Chunk, state: SequenceState, on bench: Workbench) throws(MPIError) {
        try down(channels(tokens: chunk.tokens, on: bench), tokens: chunk.tokens, on: bench)
    }
}
