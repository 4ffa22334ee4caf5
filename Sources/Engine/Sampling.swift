import Blueprint
package import Compute

/// How the next token is chosen from the logits.
///
/// Every token's scaled logit gets Gumbel noise that depends only on the seed, the position and the token; the largest
/// wins, which draws from the softmax distribution (Gumbel, 1954; Maddison et al., A* Sampling, 2014). The choice
/// therefore does not depend on which rank holds which part of the vocabulary.
public struct Sampling: Hashable, Sendable {
    /// Logits are divided by it; 0 takes the best token.
    public var temperature: Double
    /// Only the best so many tokens may be chosen; 0 for all.
    public var topK: Int
    /// Only the smallest set of best tokens whose probabilities reach this may be chosen; 1 for all.
    public var topP: Double
    /// Only tokens at least this many times as probable as the best may be chosen; 0 for all.
    public var minP: Double
    /// Logits of tokens that stand in the text are divided by it if positive, else multiplied; 1 for no effect.
    public var repetitionPenalty: Double
    /// The seed of the noise.
    public var seed: UInt64

    /// Greedy unless said otherwise.
    public init(
        temperature: Double = 0, topK: Int = 0, topP: Double = 1, minP: Double = 0, repetitionPenalty: Double = 1,
        seed: UInt64 = 0
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.seed = seed
    }

    /// The best token, always.
    public static let greedy = Sampling()

    /// Why these settings cannot be followed, or nil.
    public var objection: String? {
        if temperature != 0, !(temperature >= 1e-4 && temperature.isFinite) {
            return "temperature: expected 0 for the best token, or at least 0.0001, found \(temperature)"
        }
        if topK < 0 { return "top-k: expected 0 or more, found \(topK)" }
        if !(topP > 0 && topP <= 1) { return "top-p: expected more than 0 and at most 1, found \(topP)" }
        if !(minP >= 0 && minP <= 1) { return "min-p: expected 0 to 1, found \(minP)" }
        if !(repetitionPenalty > 0 && repetitionPenalty.isFinite) {
            return "repetition-penalty: expected more than 0, found \(repetitionPenalty)"
        }
        return nil
    }

    /// Whether the best token is taken without noise.
    var isGreedy: Bool { temperature == 0 }

    /// Whether some tokens are excluded by rank or probability.
    var isTruncated: Bool { !isGreedy && (topK > 0 || topP < 1 || minP > 0) }

    /// Whether probabilities over the whole vocabulary are needed.
    package var needsNormaliser: Bool { isTruncated && topK == 0 && topP < 1 }

    /// More are only gathered where the choice needs them.
    private static let mostCandidates = 256

    /// Candidates that a rank offers of its part of the vocabulary.
    var candidatesPerRank: Int {
        if !isTruncated { return 1 }
        return topK > 0 ? min(topK, Self.mostCandidates) : Self.mostCandidates
    }

    /// Standard Gumbel noise of a token at a position.
    package func noise(position: Int, token: Int) -> Double {
        var state = seed &+ SplitMix.gamma &* UInt64(truncatingIfNeeded: position &+ 1)
        state = SplitMix.mixed(state) ^ UInt64(truncatingIfNeeded: token)
        // 52 bits and a half: every value is exact, and none is 0 or 1.
        let bits = SplitMix.mixed(state &+ SplitMix.gamma) >> 12
        let uniform = (Double(bits) + 0.5) * 0x1p-52
        return -Logarithm.natural(-Logarithm.natural(uniform))
    }

    /// The token chosen among candidates, or nil where more candidates are needed to be sure.
    ///
    /// - Parameters:
    ///   - candidates: tokens with their logits, divided by the temperature, best first.
    ///   - floor: the largest logit that a token outside `candidates` may have; nil if there is none.
    ///   - normaliser: the natural logarithm of the sum of `exp(logit)` over the vocabulary, where
    ///     ``needsNormaliser``.
    ///   - position: the position of the token to choose.
    package func choice(among candidates: [Candidate], floor: Float?, normaliser: Double, position: Int) -> Int? {
        guard isTruncated, !candidates.isEmpty else { return candidates.first.map { Int($0.id) } }
        let considered = topK > 0 ? candidates.prefix(topK) : candidates[...]
        if topK > 0, let floor, !isComplete(considered, floor: floor) { return nil }
        let logits = considered.map { Double($0.logit) }
        let logSum = topK > 0 ? Logarithm.ofSumOfExponentials(logits) : normaliser
        let bounds = [nucleusCount(logits, logSum: logSum), probableCount(logits)].compactMap { $0 }
        let kept = max(1, bounds.min() ?? considered.count)
        if topK == 0, let floor, bounds.isEmpty || considered[kept - 1].logit <= floor { return nil }
        return noisiest(of: considered.prefix(kept), position: position)
    }

    /// Whether these are the best `topK` of all: each rank offered as many, or none outside is as good.
    private func isComplete(_ considered: ArraySlice<Candidate>, floor: Float) -> Bool {
        if topK <= candidatesPerRank { return true }
        return considered.count == topK && considered[topK - 1].logit > floor
    }

    /// How many of the best reach the probability `topP` together; nil if all of them do not, or all may be chosen.
    private func nucleusCount(_ logits: [Double], logSum: Double) -> Int? {
        guard topP < 1 else { return nil }
        var reached = 0.0
        for (index, logit) in logits.enumerated() {
            reached += Logarithm.exponential(logit - logSum)
            if reached >= topP { return index + 1 }
        }
        return nil
    }

    /// How many are at least `minP` times as probable as the best; nil if all of them are.
    private func probableCount(_ logits: [Double]) -> Int? {
        guard minP > 0 else { return nil }
        let least = logits[0] + Logarithm.natural(minP)
        return logits.firstIndex { $0 < least }
    }

    /// The candidate with the largest logit and noise together; of equals the one with the smaller id.
    private func noisiest(of candidates: ArraySlice<Candidate>, position: Int) -> Int? {
        var best: (token: Int, value: Double)?
        for candidate in candidates {
            let value = Double(candidate.logit) + noise(position: position, token: Int(candidate.id))
            if let current = best, (current.value, -current.token) > (value, -Int(candidate.id)) { continue }
            best = (Int(candidate.id), value)
        }
        return best?.token
    }
}
