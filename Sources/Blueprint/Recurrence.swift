/// What recurrent mixers have in common: heads, each with a state of a fixed size, that read the queries and keys of
/// covered heads, after a short convolution.
public struct Recurrence: Hashable, Sendable {
    /// The axis that ranks share out: heads with a state each.
    public var axis: Axis
    /// The axis that follows from it: what they read.
    public var coveredAxis: Axis
    /// Channels of a head.
    public var headSize: Int
    /// Channels of a covered head, and rows of a state `[stateSize, headSize]`.
    public var stateSize: Int
    /// Positions that the convolution sees, the token's own included.
    public var kernelSize: Int

    /// Heads that read one covered head.
    public var groupSize: Int { axis.count / coveredAxis.count }

    /// The most channels of a head or of a covered head that the kernels have room for.
    static let largestHeadSize = 1024
    /// The most positions of a convolution that they have room for.
    static let longestKernel = 16
}

/// A mixer whose heads have states.
public protocol RecurrentMixer: Sendable {
    /// Its heads and states.
    var recurrence: Recurrence { get }
    /// Convolutions of what is read of states, of what is written, and of the inputs of heads.
    var convolutions: [Convolution] { get }
    /// `[width, heads * headSize]`.
    var output: Projection { get }
}

/// The weights of a short causal convolution of each channel by itself, `[channels * kernelSize]`, the latest position
/// last, with a silu after it.
public struct Convolution: Hashable, Sendable {
    /// `[channels * kernelSize]`.
    public var weight: Weight
    /// `[channels]`, or nil.
    public var bias: Weight?

    /// Its tensors.
    public var weights: [Weight] { [weight, bias].compactMap { $0 } }
}

/// A gated delta net: linear attention whose state forgets by a gate and is corrected by a step.
///
/// Of a token each head has `q` and `k` of length one, `v`, a step `b` and a decay `g`; with its state `S`
/// `S' = g S + k (b (v - k g S))`, and reads `q S' / sqrt(keySize)`. What heads have read is normed, and multiplied by
/// `silu(gate)`.
///
/// Yang et al., Gated Delta Networks: Improving Mamba2 with Delta Rule, 2024.
public struct DeltaNet: RecurrentMixer, Hashable, Sendable {
    /// `[keyHeads * keySize, width]`.
    public var query: Projection
    /// `[keyHeads * keySize, width]`.
    public var key: Projection
    /// `[valueHeads * valueSize, width]`.
    public var value: Projection
    /// `[valueHeads * valueSize, width]`.
    public var gate: Projection
    /// `[valueHeads, width]`: `g = exp(-exp(decayLog) * softplus(decay x + decayBias))`.
    public var decay: Projection
    /// `[valueHeads, width]`: `b = sigmoid(step x)`.
    public var step: Projection
    /// `[valueHeads]`.
    public var decayLog: Weight
    /// `[valueHeads]`.
    public var decayBias: Weight
    /// Convolutions of queries, keys and values.
    public var convolutions: [Convolution]
    /// The norm of each head, one weight for all.
    public var norm: Norm
    /// `[width, valueHeads * valueSize]`.
    public var output: Projection
    /// Heads and states: values by heads, queries and keys by covered heads.
    public var recurrence: Recurrence

    /// Its tensors.
    public var weights: [Weight] {
        [query, key, value, gate, decay, step, output].flatMap(\.weights) + [decayLog, decayBias]
            + convolutions.flatMap(\.weights) + norm.weights
    }
}

/// Mamba 2: a state space whose state forgets by a gate.
///
/// Of a token each head has an input `x` and a step `t`, each group of heads `B` and `C`; with its state `S`
/// `S' = exp(t A) S + B (t x)`, and gives `C S' + D x`. The output is multiplied by `silu(gate)`, and normed over the
/// channels of each group.
///
/// Dao and Gu, Transformers are SSMs, 2024.
public struct StateSpace: RecurrentMixer, Hashable, Sendable {
    /// `[heads * headSize, width]`.
    public var gate: Projection
    /// `[heads * headSize, width]`.
    public var input: Projection
    /// `[groups * stateSize, width]`: `B`.
    public var write: Projection
    /// `[groups * stateSize, width]`: `C`.
    public var read: Projection
    /// `[heads, width]`: `t = softplus(step x + stepBias)`.
    public var step: Projection
    /// `[heads]`.
    public var stepBias: Weight
    /// `[heads]`: `A = -exp(decayLog)`.
    public var decayLog: Weight
    /// `[heads]`: `D`.
    public var skip: Weight
    /// Convolutions of `C`, `B` and inputs.
    public var convolutions: [Convolution]
    /// `[heads * headSize]`.
    public var norm: Norm
    /// `[width, heads * headSize]`.
    public var output: Projection
    /// Heads and states: inputs by heads, `B` and `C` by covered heads, the groups.
    public var recurrence: Recurrence

    /// Its tensors.
    public var weights: [Weight] {
        [gate, input, write, read, step, output].flatMap(\.weights) + [stepBias, decayLog, skip]
            + convolutions.flatMap(\.weights) + norm.weights
    }
}
