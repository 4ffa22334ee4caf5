public import Partition

/// How far sums that travel in fewer bits are from those that travel in float32, on the same ranks.
public struct WireError: Sendable, Encodable {
    /// How the vectors travel.
    public var wire: Wire
    /// In order of computation; the logits last.
    public var differences: [Verification.Difference]
    /// Positions where the best token is the same.
    public var agreeingTokenCount: Int

    /// Compares what was recorded with a wire with what was recorded without.
    init(_ wire: Wire, _ found: Recording, plain: Recording) {
        self.wire = wire
        differences = Verification.differences(found, plain)
        let best = Verification.bestTokens(found.logits, found.vocabulary)
        agreeingTokenCount = zip(best, Verification.bestTokens(plain.logits, plain.vocabulary)).count { $0 == $1 }
    }
}
