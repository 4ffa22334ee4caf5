/// A linear map `y = W x + b`.
public struct Projection: Hashable, Sendable {
    /// `[outputs, inputs]`.
    public var weight: Weight
    /// `[outputs]`, or nil.
    public var bias: Weight?

    /// A projection with or without a bias.
    public init(weight: Weight, bias: Weight? = nil) {
        self.weight = weight
        self.bias = bias
    }

    /// Its tensors.
    public var weights: [Weight] { [weight] + (bias.map { [$0] } ?? []) }
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
    public var weights: [Weight] { [weight] + (bias.map { [$0] } ?? []) }
}

/// Causal self-attention in which several query heads may read one key-value head.
///
/// Ainslie et al., GQA: Training Generalized Multi-Query Transformer Models, 2023.
public struct Attention: Hashable, Sendable {
    /// `[heads * headSize, width]`.
    public var query: Projection
    /// `[keyValueHeads * headSize, width]`.
    public var key: Projection
    /// `[keyValueHeads * headSize, width]`.
    public var value: Projection
    /// `[width, heads * headSize]`.
    public var output: Projection
    /// Query heads.
    public var heads: Int
    /// Key-value heads; query head `h` reads key-value head `h / (heads / keyValueHeads)`.
    public var keyValueHeads: Int
    /// Channels of one head.
    public var headSize: Int
    /// Norm over each query head before rotation, one weight for all heads.
    public var queryNorm: Norm?
    /// Norm over each key head before rotation, one weight for all heads.
    public var keyNorm: Norm?
    /// Rotary position embedding of queries and keys.
    public var rotary: Rotary
    /// Scores are multiplied by it.
    public var scale: Float
    /// Scores become `cap * tanh(score / cap)` before the softmax; nil where they stay.
    public var scoreCap: Float?
    /// A query sees this many positions, its own included; nil for all.
    public var window: Int?
    /// The axis that ranks share out.
    public var queryAxis: Axis
    /// The axis that follows from it.
    public var keyValueAxis: Axis

    /// Query heads that read one key-value head.
    public var groupSize: Int { heads / keyValueHeads }
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
public enum Mixer: Hashable, Sendable {
    /// Causal self-attention.
    case attention(Attention)
    /// An MLP.
    case mlp(MLP)
    /// A mixture of experts.
    case experts(Experts)

    /// Its tensors, in checkpoint order.
    public var weights: [Weight] {
        switch self {
        case .attention(let attention):
            [attention.query, attention.key, attention.value, attention.output].flatMap(\.weights)
                + [attention.queryNorm, attention.keyNorm].compactMap { $0 }.flatMap(\.weights)
        case .mlp(let mlp):
            mlp.weights
        case .experts(let experts):
            experts.weights
        }
    }

    /// The axes that ranks share out, each by itself.
    public var axes: [Axis] {
        switch self {
        case .attention(let attention): [attention.queryAxis]
        case .mlp(let mlp): [mlp.axis]
        case .experts(let experts): [experts.memberAxis, experts.axis] + (experts.shared.map { [$0.axis] } ?? [])
        }
    }
}

/// One residual branch, `x += factor * postNorm(mixer(norm(x)))`.
public struct Branch: Hashable, Sendable {
    /// The norm before the mixer.
    public var norm: Norm
    /// The mixer.
    public var mixer: Mixer
    /// The norm of what the mixer gives, complete; nil where there is none.
    public var postNorm: Norm?
    /// What the branch is multiplied by.
    public var factor: Float = 1

    /// A branch with a norm before its mixer, and perhaps one after it.
    public init(norm: Norm, mixer: Mixer, postNorm: Norm? = nil, factor: Float = 1) {
        self.norm = norm
        self.mixer = mixer
        self.postNorm = postNorm
        self.factor = factor
    }

    /// Its tensors.
    public var weights: [Weight] { norm.weights + mixer.weights + (postNorm?.weights ?? []) }
}

/// The residual branches of one layer, in order.
public struct Layer: Hashable, Sendable {
    /// In order of computation.
    public var branches: [Branch]

    /// A layer of these branches.
    public init(branches: [Branch]) { self.branches = branches }
}
