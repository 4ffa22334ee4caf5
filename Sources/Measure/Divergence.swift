import Foundation
public import Weights

/// How far a model's predictions are from those of a reference: the Kullback-Leibler divergence of its probabilities
/// from the reference's, for each token of a text.
public struct Divergence: Encodable, Sendable {
    /// The mean over all tokens, in nats.
    public var mean: Double { tokenCount > 0 ? sum / Double(tokenCount) : 0 }
    /// The largest of one token, in nats.
    public private(set) var largest = 0.0
    /// Tokens compared.
    public private(set) var tokenCount = 0
    /// Tokens at which both find the same one most probable.
    public private(set) var sameBestCount = 0

    private var sum = 0.0

    /// Nothing compared yet.
    public init() {}

    /// Compares the logits of some tokens, `[tokens, vocabulary]`, the first of which is at a position, with those that
    /// a reference has there.
    public mutating func add(_ logits: [Float], firstPosition: Int, reference: LogitsFile) {
        let vocabulary = reference.vocabulary
        precondition(
            firstPosition * vocabulary + logits.count <= reference.logits.count,
            "The reference must have logits of every token.")
        for row in 0..<logits.count / vocabulary {
            let position = firstPosition + row
            let expected = Self.prediction(reference.logits[position * vocabulary..<(position + 1) * vocabulary])
            let found = Self.prediction(logits[row * vocabulary..<(row + 1) * vocabulary])
            let divergence = zip(expected.logProbabilities, found.logProbabilities).reduce(0) { sum, pair in
                sum + exp(pair.0) * (pair.0 - pair.1)
            }
            sum += divergence
            largest = max(largest, divergence)
            tokenCount += 1
            sameBestCount += expected.best == found.best ? 1 : 0
        }
    }

    /// The logarithms of the softmax, and the place of the greatest.
    private static func prediction(_ logits: ArraySlice<Float>) -> (logProbabilities: [Double], best: Int) {
        var best = logits.startIndex
        for index in logits.indices where logits[index] > logits[best] { best = index }
        let greatest = Double(logits[best])
        let logarithm = log(logits.reduce(0) { $0 + exp(Double($1) - greatest) })
        return (logits.map { Double($0) - greatest - logarithm }, best - logits.startIndex)
    }

    private enum CodingKeys: String, CodingKey {
        case mean, largest, tokens, sameBest
    }

    /// Encodes `{"mean":x,"largest":x,"tokens":n,"sameBest":n}`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(mean, forKey: .mean)
        try container.encode(largest, forKey: .largest)
        try container.encode(tokenCount, forKey: .tokens)
        try container.encode(sameBestCount, forKey: .sameBest)
    }
}
