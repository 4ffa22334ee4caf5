/// How a token chooses its experts, and what each of them counts.
///
/// Logits are `weight x + bias`. Softmax or sigmoid makes scores of them; the experts of the highest scores, plus
/// their corrections where there are any, are chosen, of equal ones the first. Their scores, without corrections, are
/// the factors of their outputs.
///
/// Shazeer et al., Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer, 2017; for sigmoids,
/// corrections and groups DeepSeek-AI, DeepSeek-V3 Technical Report, 2024.
public struct Router: Hashable, Sendable {
    /// How logits become scores.
    public enum Scoring: String, Hashable, Sendable {
        /// A softmax over all experts.
        case softmax
        /// A softmax over the chosen ones.
        case softmaxOfChosen
        /// The sigmoid of each.
        case sigmoid
    }

    /// `[experts, width]`.
    public var weight: Weight
    /// `[experts]`, or nil.
    public var bias: Weight?
    /// `[experts]`: added to scores for the choice only; nil where nothing is.
    public var correction: Weight?
    /// How logits become scores.
    public var scoring: Scoring
    /// Experts that a token chooses.
    public var chosenCount: Int
    /// Whether the factors of the chosen experts are divided by their sum.
    public var isNormalized = false
    /// Groups of as many experts each, of which a token first chooses some, by the sum of the highest scores.
    public var groupCount = 1
    /// How many of a group's highest scores are summed: 1 or 2.
    public var groupScoreCount = 2
    /// The most groups that there may be.
    public static let largestGroupCount = 1024
    /// Groups that a token chooses.
    public var chosenGroupCount = 1
    /// What all factors are multiplied by.
    public var factor: Float = 1

    /// A router with what most have.
    public init(weight: Weight, scoring: Scoring, chosenCount: Int) {
        self.weight = weight
        self.scoring = scoring
        self.chosenCount = chosenCount
    }

    /// Its tensors.
    public var weights: [Weight] { [weight] + [bias, correction].compactMap { $0 } }
}

/// A mixture of experts, `sum over the chosen of factor * expert(x)`, each expert an MLP of one shape; where there is a
/// shared expert plus `sigmoid(sharedGate x) * shared(x)`, or `shared(x)` where it has no gate.
public struct Experts: Hashable, Sendable {
    /// Which experts a token chooses.
    public var router: Router
    /// `[expertWidth, width]` of each expert; nil where they are plain.
    public var gate: Projection?
    /// `[expertWidth, width]` of each.
    public var up: Projection
    /// `[width, expertWidth]` of each; its bias, where there is one, `[experts * width]`, one after the other.
    public var down: Projection
    /// The function of the gate, or of what is raised.
    public var activation: Activation
    /// The axis of channels, the same for every expert: shared out where cuts are inside every expert.
    public var axis: Axis
    /// The axis of experts: shared out where ranks hold whole ones.
    public var memberAxis: Axis
    /// What every token goes through besides; nil where there is none.
    public var shared: MLP?
    /// `[1, width]`; nil where the shared expert counts in full.
    public var sharedGate: Weight?

    /// The axis of the channels of all experts, end to end: shared out where some experts are cut and the others are
    /// whole.
    public var channelAxis: Axis { Axis(endToEnd: axis, of: memberAxis) }

    /// The projections of every expert before the activation.
    public var firstProjections: [Projection] { (gate.map { [$0] } ?? []) + [up] }

    /// The weights that ranks share out with the experts, each of as many members as there are experts.
    public var expertWeights: [Weight] { firstProjections.flatMap(\.weights) + [down.weight] }

    /// Its tensors.
    public var weights: [Weight] {
        router.weights + expertWeights + (down.bias.map { [$0] } ?? []) + (shared?.weights ?? [])
            + (sharedGate.map { [$0] } ?? [])
    }
}
