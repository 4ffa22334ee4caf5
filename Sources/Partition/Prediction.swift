/// What one forward pass takes, predicted from a plan and a profile of the cluster that runs it.
///
/// Ranks meet after every mixer, so that a pass takes the sum, over its mixers and the head, of the slowest rank's time
/// there and the exchange after it.
public struct Prediction: Sendable, Hashable, Codable {
    /// What one rank does meanwhile.
    public struct Rank: Sendable, Hashable, Codable {
        /// Seconds of each phase; communication without waiting.
        public var seconds: [Phase: Double]
        /// Seconds that it waits for slower ranks.
        public var waitSeconds: Double

        /// A rank's times.
        public init(seconds: [Phase: Double], waitSeconds: Double) {
            self.seconds = seconds
            self.waitSeconds = waitSeconds
        }
    }

    /// Seconds of the pass.
    public var seconds: Double
    /// In rank order.
    public var ranks: [Rank]

    /// A prediction.
    public init(seconds: Double, ranks: [Rank]) {
        self.seconds = seconds
        self.ranks = ranks
    }
}
