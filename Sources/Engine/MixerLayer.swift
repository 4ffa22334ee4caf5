import MPI
import Partition

/// The part of a mixer that one rank computes.
protocol MixerLayer {
    /// What its time counts as.
    var phase: Phase { get }

    /// Reads the normed stream and leaves the complete branch, `[tokens, width]`, in `buffers.branch` of every rank.
    func forward(_ chunk: Chunk, state: SequenceState, on bench: Workbench) throws(MPIError)
}
