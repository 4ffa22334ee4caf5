import Blueprint
public import Engine
import Foundation
import Partition

/// Proof that what is about to be measured computes what it should: some tokens run in one forward and one by one, by
/// other kernels, give the same logits, and all ranks hold the same bits after every layer.
public struct OutputCheck: Sendable, Hashable, Codable {
    /// Tokens compared.
    public var tokens: Int
    /// The largest difference of a logit, in units of the logits' spread.
    public var difference: Double
    /// The largest that is accepted.
    public var tolerance: Double
    /// Whether every logit is a number.
    public var isFinite: Bool
    /// Whether all ranks held the same bits of the residual stream after every layer.
    public var ranksAgree: Bool

    /// Whether all is as it should be.
    public var passes: Bool { isFinite && ranksAgree && difference <= tolerance }

    /// Compares the logits of the same tokens.
    public init(together: [Float], oneByOne: [Float], tokens: Int, ranksAgree: Bool, tolerance: Double) {
        self.tokens = tokens
        self.tolerance = tolerance
        self.ranksAgree = ranksAgree
        isFinite = together.allSatisfy(\.isFinite) && oneByOne.allSatisfy(\.isFinite)
        guard together.count == oneByOne.count, !together.isEmpty, isFinite else {
            difference = .infinity
            return
        }
        let count = Double(oneByOne.count)
        let mean = oneByOne.reduce(0) { $0 + Double($1) } / count
        let variance = oneByOne.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
        let largest = zip(together, oneByOne).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) }
        difference = largest == 0 ? 0 : largest / variance.squareRoot()
    }

    /// Runs the tokens on all ranks; to be called on every rank.
    ///
    /// - Returns: the comparison on rank 0, nil on the others.
    /// - Throws: ``MeasureError/wrongOutput(expected:found:)`` on rank 0 where it does not pass.
    public static func run(_ session: Session, tolerance: Double) throws -> OutputCheck? {
        let policy = session.plan.policy
        let count = min(24, policy.context, policy.chunk)
        let tokens = Verification.defaultTokens(
            vocabulary: session.plan.blueprint.vocabulary, context: policy.context, count: count)
        var agree = true
        session.observe { _, _, ranksAgree in agree = agree && ranksAgree }
        let check = try session.run { session in
            func logits(single: Int) throws -> [Float] {
                var all: [Float] = []
                try session.logits(tokens, single: single) { all += $1 }
                return all
            }
            let (together, oneByOne) = (try logits(single: 0), try logits(single: count))
            return OutputCheck(
                together: together, oneByOne: oneByOne, tokens: count, ranksAgree: agree, tolerance: tolerance)
        }
        session.stopObserving()
        if let check, !check.passes { throw check.objection }
        return check
    }

    private var objection: MeasureError {
        guard isFinite else { return .wrongOutput(expected: "logits that are finite numbers", found: "others") }
        guard ranksAgree else {
            return .wrongOutput(expected: "the same bits on all ranks after every layer", found: "different ones")
        }
        return .wrongOutput(
            expected: "logits of \(tokens) tokens together and one by one to differ by "
                + "\(Figure.scientific(tolerance)) of their spread at most",
            found: Figure.scientific(difference))
    }
}
