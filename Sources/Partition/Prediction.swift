/// What one forward pass takes, predicted from a plan and a profile of the cluster that runs it.
///
/// Ranks meet after every mixer, so that a pass takes the sum, over its mixers and the head, of the slowest rank's
/// expected time there and the exchange after it.
public struct Prediction: Sendable, Hashable, Codable {
    /// What one rank does meanwhile.
    public struct Rank: Sendable, Hashable, Codable {
        /// Seconds of each phase; communication without waiting.
        public var seconds: [Phase: Double]
        /// Seconds that it waits for ranks that are slower, or happen to be later.
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
    /// Seconds of the pass if no rank shared a core with another and none was late by chance.
    public var secondsAlone: Double
    /// Those of its exchanges.
    public var exchangeSecondsAlone: Double

    /// A prediction.
    public init(seconds: Double, ranks: [Rank], secondsAlone: Double, exchangeSecondsAlone: Double) {
        self.seconds = seconds
        self.ranks = ranks
        self.secondsAlone = secondsAlone
        self.exchangeSecondsAlone = exchangeSecondsAlone
    }
}
