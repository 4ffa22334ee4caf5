public import Engine
import Foundation

/// The log-probabilities of a text and its perplexity.
public struct ScoreSummary: Encodable, Sendable {
    /// The tokens, the first of which is only context.
    public var tokens: [Int]
    /// One for each token but the first.
    public var scores: [TokenScore]
    /// The distance from a reference, where there is one.
    public var divergence: Divergence?
    private var hasTop: Bool

    /// - Parameter hasTop: whether best tokens were asked for.
    public init(tokens: [Int], scores: [TokenScore], hasTop: Bool, divergence: Divergence?) {
        self.tokens = tokens
        self.scores = scores
        self.hasTop = hasTop
        self.divergence = divergence
    }

    /// `exp` of the mean negative log-probability.
    public var perplexity: Double {
        exp(-scores.reduce(0) { $0 + $1.logProbability } / Double(max(scores.count, 1)))
    }

    private enum CodingKeys: String, CodingKey {
        case tokens, logprobs, top, perplexity, divergence
    }

    /// Encodes `{"tokens":[...],"logprobs":[null,...],"top":[[],[[id,logprob],...],...],"perplexity":x}`,
    /// with `"divergence"` where there is one.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(tokens, forKey: .tokens)
        try container.encode([nil] + scores.map { Optional($0.logProbability) }, forKey: .logprobs)
        try container.encode(perplexity, forKey: .perplexity)
        try container.encodeIfPresent(divergence, forKey: .divergence)
        guard hasTop else { return }
        try container.encode([[]] + scores.map { $0.top.map { Pair(choice: $0) } }, forKey: .top)
    }

    /// `[id, logprob]`.
    private struct Pair: Encodable {
        let choice: TokenScore.Choice

        func encode(to encoder: any Encoder) throws {
            var container = encoder.unkeyedContainer()
            try container.encode(choice.token)
            try container.encode(choice.logProbability)
        }
    }
}
