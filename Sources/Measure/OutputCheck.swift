import Blueprint
public import Engine
import Foundation
import Partition

/// Proof that what is about to be measured computes what it should: some tokens run in one forward and one by one, by
/// other kernels, give the same logits, and all ranks hold the same bits after every layer.
public struct OutputCheck: Sendable, Hashable, Codable {
    /// Tokens compared.
    public var tokens: Int
    /// The largest difference of a logit, in units of the logits' spread: of all tokens, or of the token of median
    /// difference.
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
    ///
    /// - Parameters:
    ///   - together: `[tokens, vocabulary]`.
    ///   - oneByOne: `[tokens, vocabulary]`.
    ///   - ofMedianToken: whether the token of median difference counts, and not the one of the largest.
    public init(
        together: [Float], oneByOne: [Float], tokens: Int, ranksAgree: Bool, tolerance: Double,
        ofMedianToken: Bool = false
    ) {
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
        let differences = zip(together, oneByOne).map { abs(Double($0) - Double($1)) }
        let columns = differences.count / tokens
        let ofTokens = (0..<tokens).map { differences[$0 * columns..<($0 + 1) * columns].max() ?? 0 }.sorted()
        let largest = ofTokens[ofMedianToken ? (tokens - 1) / 2 : tokens - 1]
        difference = largest == 0 ? 0 : largest / variance.squareRoot()
    }

    /// Runs the tokens on all ranks; to be called on every rank.
    ///
    /// - Returns: the comparison on rank 0, nil on the others.
    /// - Throws: ``MeasureError/wrongOutput(expected:found:)`` on rank 0 where it does not pass.
    public static func run(_ session: Session) throws -> OutputCheck? {
        let policy = session.plan.policy
        let ofMedianToken = policy.math == .fast && session.plan.blueprint.amplifiesRounding
        let tolerance = tolerance(policy, ofMedianToken: ofMedianToken)
        // Together they take the kernels of many tokens, as a prompt does, and of the few that are left.
        let count = min(71, policy.context, policy.chunk)
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
                together: together, oneByOne: oneByOne, tokens: count, ranksAgree: agree, tolerance: tolerance,
                ofMedianToken: ofMedianToken)
        }
        session.stopObserving()
        if let check, !check.passes { throw check.objection }
        return check
    }

    /// What few tokens may differ from many: they may be rounded otherwise. Wrong logits differ by several times their
    /// spread.
    private static func tolerance(_ policy: Policy, ofMedianToken: Bool) -> Double {
        switch policy.math {
        case .precise: policy.way == .gather ? 0 : 5e-4
        case .fast: ofMedianToken ? 0.5 : 0.2
        }
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

extension Blueprint {
    /// Whether a little rounding may change single tokens much, as wrong kernels change all: where two experts are
    /// about as good a token may get the other one, and what is read of a state may be next to nothing before it is
    /// normed.
    fileprivate var amplifiesRounding: Bool { hasExperts || !recurrences.isEmpty }
}
