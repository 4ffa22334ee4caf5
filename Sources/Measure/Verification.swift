import Foundation

/// How far N ranks are from one, layer by layer.
public struct Verification: Sendable, Encodable {
    /// The comparison of one place in the model.
    public struct Difference: Sendable, Encodable {
        /// `embedding`, `layer 0` …, `logits`.
        public var place: String
        /// The largest absolute difference.
        public var largest: Double
        /// The standard deviation of the reference's values there.
        public var spread: Double

        /// The largest difference in units of the spread.
        public let relative: Double

        init(place: String, largest: Double, spread: Double) {
            self.place = place
            self.largest = largest
            self.spread = spread
            relative = spread > 0 ? largest / spread : (largest == 0 ? 0 : .infinity)
        }
    }

    /// In order of computation; the logits last.
    public var differences: [Difference]
    /// Whether the best token is the same at every position.
    public var greedyTokensAgree: Bool
    /// The first position where it is not.
    public var firstDisagreement: Int?
    /// Whether all ranks held the same bits of the residual stream after every layer.
    public var ranksAgree: Bool
    /// Tokens compared.
    public var tokenCount: Int
    /// The largest relative difference of the logits that is accepted.
    public var tolerance: Double

    /// Whether activations or the cache are rounded: then a best token may differ where two are nearly as good.
    public let isRounded: Bool

    /// What a wire of fewer bits changes; nil where sums travel in float32.
    public internal(set) var wire: WireError?

    /// Whether the logits are within the tolerance, the ranks agree, and the tokens too, where nothing is rounded.
    public let passes: Bool

    /// Compares what was recorded on N ranks with a reference.
    public init(
        _ found: Recording, reference: Recording, ranksAgree: Bool, tolerance: Double, isRounded: Bool
    ) {
        differences = Self.differences(found, reference)
        let vocabulary = found.vocabulary
        let best = Self.bestTokens(found.logits, vocabulary)
        let expected = Self.bestTokens(reference.logits, vocabulary)
        firstDisagreement = best.indices.first { $0 >= expected.count || best[$0] != expected[$0] }
        greedyTokensAgree = firstDisagreement == nil && best.count == expected.count
        self.ranksAgree = ranksAgree
        tokenCount = best.count
        self.tolerance = tolerance
        self.isRounded = isRounded
        let isClose =
            tolerance == 0
            ? differences.allSatisfy { $0.largest == 0 }
            : differences.allSatisfy { $0.place != "logits" || $0.relative <= tolerance }
        passes = (greedyTokensAgree || isRounded) && ranksAgree && isClose
    }

    static func differences(_ found: Recording, _ reference: Recording) -> [Difference] {
        var differences: [Difference] = []
        for (place, values) in reference.stages {
            guard let own = found.stages.first(where: { $0.place == place })?.values else { continue }
            differences.append(difference(place, own, values))
        }
        differences.append(difference("logits", found.logits, reference.logits))
        return differences
    }

    private static func difference(_ place: String, _ found: [Float], _ reference: [Float]) -> Difference {
        guard found.count == reference.count, !reference.isEmpty else {
            return Difference(place: place, largest: .infinity, spread: 0)
        }
        var largest = 0.0
        var (sum, squares) = (0.0, 0.0)
        for (own, expected) in zip(found, reference) {
            let difference = abs(Double(own) - Double(expected))
            largest = difference.isNaN ? .infinity : max(largest, difference)
            sum += Double(expected)
            squares += Double(expected) * Double(expected)
        }
        let count = Double(reference.count)
        let variance = max(0, squares / count - (sum / count) * (sum / count))
        return Difference(place: place, largest: largest, spread: variance.squareRoot())
    }

    static func bestTokens(_ logits: [Float], _ vocabulary: Int) -> [Int] {
        stride(from: 0, to: logits.count, by: vocabulary).map { start in
            let row = logits[start..<min(start + vocabulary, logits.count)]
            return (row.indices.max { row[$0] != row[$1] ? row[$0] < row[$1] : $0 > $1 } ?? start) - start
        }
    }
}

/// The residual stream after every layer and the logits of some tokens.
public struct Recording: Sendable {
    /// `[tokens, width]` at each place, in order of computation.
    public var stages: [(place: String, values: [Float])] = []
    /// `[tokens, vocabulary]`.
    public var logits: [Float]
    /// Logits of one token.
    public var vocabulary: Int

    /// A recording without stages.
    public init(vocabulary: Int, logits: [Float] = []) {
        self.vocabulary = vocabulary
        self.logits = logits
    }
}
