/// A linear map `y = W x + b`.
public struct Projection: Hashable, Sendable {
    /// `[outputs, inputs]`.
    public var weight: Weight
    /// `[outputs]`, or nil.
    public var bias: Weight?

    /// Its tensors.
    public var weights: [Weight] { [weight, bias].compactMap { $0 } }
}

/// A root-mean-square norm, `x / sqrt(mean(x²) + epsilon) * (weight + addend)`, or with a bias a layer norm: that of
/// `x - mean(x)`, plus the bias.
///
/// Zhang and Sennrich, Root Mean Square Layer Normalization, 2019; Ba, Kiros and Hinton, Layer Normalization, 2016.
public struct Norm: Hashable, Sendable {
    /// `[width]`.
    public var weight: Weight
    /// `[width]`; nil where nothing is subtracted or added.
    public var bias: Weight?
    /// Added to the mean of squares.
    public var epsilon: Float
    /// Added to the weight: 1 in models whose norms begin training at zero.
    public var addend: Float = 0

    /// A norm over the width of its weight.
    public init(weight: Weight, bias: Weight? = nil, epsilon: Float, addend: Float = 0) {
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
        self.addend = addend
    }

    /// Its tensors.
    public var weights: [Weight] { [weight, bias].compactMap { $0 } }
}

/// Causal self-attention in which several query heads may read one key-value head.
///
/// Ainslie et al., GQA: Training Generalized Multi-Query Transformer Models, 2023.
public struct Attention: Hashable, Sendable {
    /// `[heads * headSize, width]`.
    public var query: Projection
    /// `[keyValueHeads * headSize, width]`.
    public var key: Projection
    /// `[keyValueHeads * headSize, width]`; nil where the keys, being latent, serve as values.
    public var value: Projection?
    /// `[width, heads * valueSize]`.
    public var output: Projection
    /// Query heads.
    public var heads: Int
    /// Key-value heads; query head `h` reads key-value head `h / (heads / keyValueHeads)`.
    public var keyValueHeads: Int
    /// Channels of one head.
    public var headSize: Int
    /// Norm over each query head before rotation, one weight for all heads; or over all of them, with a weight of its
    /// own for each.
    public var queryNorm: Norm?
    /// Norm over each key head before rotation, likewise.
    public var keyNorm: Norm?
    /// Whether these norms are over all heads together.
    public var normsSpanHeads = false
    /// Rotary position embedding of queries and keys.
    public var rotary: Rotary
    /// Scores are multiplied by it.
    public var scale: Float
    /// Scores become `cap * tanh(score / cap)` before the softmax; nil where they stay.
    public var scoreCap: Float?
    /// `[heads]`: a score of each head that takes part in the softmax and has no value; nil where there are none.
    public var sinks: Weight?
    /// `[heads * headSize, width]`: what heads have read is multiplied by its sigmoid; nil where it is taken as it is.
    public var outputGate: Projection?
    /// How queries and keys go through a latent space; nil where they do not.
    public var latent: Latent?
    /// A query sees this many positions, its own included; nil for all.
    public var window: Int?
    /// The axis that ranks share out.
    public var queryAxis: Axis
    /// The axis that follows from it.
    public var keyValueAxis: Axis

    /// Query heads that read one key-value head.
    public var groupSize: Int { heads / keyValueHeads }

    /// Channels of what a head gives to the output.
    public var valueSize: Int { latent?.valueSize ?? headSize }

    /// The projections of its input that ranks share out.
    public var inputs: [Projection] {
        [query, key] + [value, outputGate].compactMap { $0 }
    }
}

/// Multi-head latent attention: all heads read one latent vector of each position, and a part of the key that turns.
///
/// A query head of `contentSize` channels that do not turn, `q`, and others that do, sees the key `[latent | turning]`
/// with `[keyExpansion q | turning q]`: the product that would make keys of latents is done with the query instead.
/// What it reads of the latents becomes its value by `valueExpansion`.
///
/// DeepSeek-AI, DeepSeek-V2 Technical Report, 2024.
public struct Latent: Hashable, Sendable {
    /// What queries are made of instead of the stream.
    public struct Reduction: Hashable, Sendable {
        /// `[reduced, width]`.
        public var projection: Projection
        /// The norm of what it gives.
        public var norm: Norm
    }

    /// What queries are made of; nil for the stream.
    public var reduction: Reduction?
    /// The norm of the latent channels, the first of a key.
    public var norm: Norm
    /// Latent channels.
    public var size: Int
    /// Channels of a query head that do not turn.
    public var contentSize: Int
    /// Channels of a head's value.
    public var valueSize: Int
    /// `[size, contentSize]` of each query head.
    public var keyExpansion: Weight
    /// `[valueSize, size]` of each query head.
    public var valueExpansion: Weight

    /// A latent space that queries are made for from the stream.
    public init(
        norm: Norm, size: Int, contentSize: Int, valueSize: Int, keyExpansion: Weight, valueExpansion: Weight
    ) {
        self.norm = norm
        self.size = size
        self.contentSize = contentSize
        self.valueSize = valueSize
        self.keyExpansion = keyExpansion
        self.valueExpansion = valueExpansion
    }

    /// Its tensors.
    public var weights: [Weight] {
        (reduction.map { $0.projection.weights + $0.norm.weights } ?? []) + norm.weights
            + [keyExpansion, valueExpansion]
    }
}

/// An MLP: gated, `down(activation(gate x) * up x)`, or plain, `down(activation(up x))`.
///
/// Shazeer, GLU Variants Improve Transformer, 2020.
public struct MLP: Hashable, Sendable {
    /// `[mlpWidth, width]`; nil where it is plain.
    public var gate: Projection?
    /// `[mlpWidth, width]`.
    public var up: Projection
    /// `[width, mlpWidth]`.
    public var down: Projection
    /// The function of the gate, or of what is raised.
    public var activation: Activation
    /// The axis that ranks share out.
    public var axis: Axis

    /// The projections before the activation.
    public var firstProjections: [Projection] { (gate.map { [$0] } ?? []) + [up] }

    /// Its tensors.
    public var weights: [Weight] { (firstProjections + [down]).flatMap(\.weights) }
}

/// What a residual branch computes.
public indirect enum Mixer: Hashable, Sendable {
    /// Causal self-attention.
    case attention(Attention)
    /// An MLP.
    case mlp(MLP)
    /// A mixture of experts.
    case experts(Experts)
    /// A gated delta net.
    case deltaNet(DeltaNet)
    /// Mamba 2.
    case stateSpace(StateSpace)

    /// Its tensors, in checkpoint order.
    public var weights: [Weight] {
        switch self {
        case .attention(let attention):
            (attention.inputs + [attention.output]).flatMap(\.weights)
                + [attention.queryNorm, attention.keyNorm].compactMap { $0 }.flatMap(\.weights)
                + [attention.sinks].compactMap { $0 } + (attention.latent?.weights ?? [])
        case .mlp(let mlp):
            mlp.weights
        case .experts(let experts):
            experts.weights
        case .deltaNet(let net):
            net.weights
        case .stateSpace(let space):
            space.weights
        }
    }

    /// Its norms.
    public var norms: [Norm] {
        switch self {
        case .attention(let attention):
            [attention.queryNorm, attention.keyNorm, attention.latent?.reduction?.norm, attention.latent?.norm]
                .compactMap { $0 }
        case .mlp, .experts: []
        case .deltaNet(let net): [net.norm]
        case .stateSpace(let space): [space.norm]
        }
    }

    /// The mixer, where it is a recurrent one.
    public var recurrent: (any RecurrentMixer)? {
        switch self {
        case .attention, .mlp, .experts: nil
        case .deltaNet(let net): net
        case .stateSpace(let space): space
        }
    }

    /// Its heads and states, where it has states.
    public var recurrence: Recurrence? { recurrent?.recurrence }

    /// The axes that ranks share out, each by itself.
    public var axes: [Axis] {
        switch self {
        case .attention(let attention): [attention.queryAxis]
        case .mlp(let mlp): [mlp.axis]
        case .experts(let experts):
            [experts.memberAxis, experts.axis, experts.channelAxis] + (experts.shared.map { [$0.axis] } ?? [])
        case .deltaNet(let net): [net.recurrence.axis]
        case .stateSpace(let space): [space.recurrence.axis]
        }
    }
}

/// One residual branch, `x += factor * postNorm(mixer(norm(x)))`.
public struct Branch: Hashable, Sendable {
    /// The norm before the mixer; nil where it reads the stream as it is.
    public var norm: Norm?
    /// The mixer.
    public var mixer: Mixer
    /// The norm of what the mixer gives, complete; nil where there is none.
    public var postNorm: Norm?
    /// What the branch is multiplied by.
    public var factor: Float = 1

    /// A branch with a norm before its mixer, and perhaps one after it.
    public init(norm: Norm?, mixer: Mixer, postNorm: Norm? = nil, factor: Float = 1) {
        self.norm = norm
        self.mixer = mixer
        self.postNorm = postNorm
        self.factor = factor
    }

    /// Its norms, those of the mixer among them.
    public var norms: [Norm] { [norm].compactMap { $0 } + mixer.norms + [postNorm].compactMap { $0 } }

    /// Its tensors.
    public var weights: [Weight] { (norm?.weights ?? []) + mixer.weights + (postNorm?.weights ?? []) }
}

/// The residual branches of one layer, in order.
public struct Layer: Hashable, Sendable {
    /// In order of computation.
    public var branches: [Branch]

    /// A layer of these branches.
    public init(branches: [Branch]) { self.branches = branches }
}
