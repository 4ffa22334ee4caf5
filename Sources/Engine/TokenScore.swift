/// How well the model expected a token.
public struct TokenScore: Hashable, Sendable {
    /// The natural logarithm of its probability.
    public var logProbability: Double
    /// The best tokens at its place with their log-probabilities, best first.
    public var top: [Choice]

    /// A token and its log-probability.
    public struct Choice: Hashable, Sendable {
        /// The token's id.
        public var token: Int
        /// The natural logarithm of its probability.
        public var logProbability: Double
    }
}
