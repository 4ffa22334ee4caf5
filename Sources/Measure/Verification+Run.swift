import Blueprint
public import Engine
import Partition
public import Weights

extension Verification {
    /// Computes tokens on all ranks, then on rank 0 alone or from a file, and compares.
    ///
    /// Sums travel in float32 for it; what another wire of the plan changes is measured besides. To be called on every
    /// rank.
    ///
    /// - Parameters:
    ///   - tokens: on rank 0.
    ///   - comparesWithFile: whether a reference is used, on every rank.
    ///   - reference: logits of the same tokens, on rank 0, instead of computing them alone.
    ///   - tolerance: the largest difference of logits that is accepted, in units of their spread, but by exact sums,
    ///     which allow none; nil for what rounding explains.
    /// - Returns: the comparison on rank 0, nil on the others.
    public static func run(
        _ session: Session, tokens: [Int], comparesWithFile: Bool, reference: LogitsFile?, tolerance: Double?
    ) throws -> Verification? {
        var areSame = true
        let found = try record(session, tokens) { areSame = areSame && $0 }
        let wire = session.plan.policy.wire
        let plain =
            wire == .f32
            ? found : try session.summingPlainly { try record(session, tokens) { areSame = areSame && $0 } }
        var expected: Recording?
        if let reference {
            expected = Recording(vocabulary: session.plan.blueprint.vocabulary, logits: reference.logits)
        } else if !comparesWithFile {
            expected = try session.alone().flatMap { try record($0, tokens) { _ in } }
        }
        guard let found, let plain, let expected else { return nil }
        let plan = session.plan
        var verification = Verification(
            plain, reference: expected, ranksAgree: areSame,
            tolerance: plan.policy.way == .gather ? 0 : tolerance ?? plan.explainedDifference,
            isRounded: plan.roundsSums)
        if wire != .f32 { verification.wire = WireError(wire, found, plain: plain) }
        return verification
    }

    /// Tokens from all over a vocabulary, the same on every machine; fewer where the context is short.
    public static func defaultTokens(vocabulary: Int, context: Int, count: Int = 160) -> [Int] {
        defaultTokens(vocabulary: vocabulary, positions: 0..<min(count, context))
    }

    /// Those of the same tokens that stand at some positions.
    static func defaultTokens(vocabulary: Int, positions: Range<Int>) -> [Int] {
        positions.map { Int((UInt64($0 + 1) &* 0x9E37_79B9_7F4A_7C15) >> 33) % vocabulary }
    }

    /// The last few tokens are run one by one, so that decoding is compared too.
    private static let singleTokens = 4

    private static func record(
        _ session: Session, _ tokens: [Int], agreement: @escaping (Bool) -> Void
    ) throws -> Recording? {
        var recording = Recording(vocabulary: session.plan.blueprint.vocabulary)
        session.observe { layersDone, hidden, ranksAgree in
            agreement(ranksAgree)
            recording.append(hidden, at: layersDone == 0 ? "embedding" : "layer \(layersDone - 1)")
        }
        return try session.run { session in
            try session.logits(tokens, single: singleTokens) { _, logits in recording.logits += logits }
            return recording
        }
    }
}

extension Plan {
    /// Whether activations are rounded before products.
    private var roundsActivations: Bool { blueprint.weights.contains(where: roundsInput) }

    /// Whether sums that differ in their last bits are rounded to few bits on their way, some to another number.
    fileprivate var roundsSums: Bool { policy.way == .sum && (roundsActivations || policy.cache != .f32) }

    /// What logits may differ by, in units of their spread, for other sums: many times what was measured.
    fileprivate var explainedDifference: Double {
        if roundsActivations { return 0.2 }
        return switch policy.cache {
        case .f32: 5e-4
        case .f16: 5e-3
        case .bf16, .q8: 5e-2
        }
    }
}

extension Verification: CustomStringConvertible {
    /// A line per place, then the verdict.
    public var description: String {
        let rows = differences.map { difference in
            [difference.place, Figure.scientific(difference.largest), Figure.scientific(difference.relative)]
        }
        let verdict =
            passes
            ? "equal within the tolerance of \(Figure.scientific(tolerance))"
                + (tolerance == 0 ? ", to the last bit" : "")
            : "NOT equal within the tolerance of \(Figure.scientific(tolerance))"
        let sums = wire == nil ? "" : ", sums in f32"
        return Table.text([["after", "largest difference", "in units of the spread"]] + rows) + wireText
            + "best tokens: \(greedyTokensAgree ? "agree" : "differ, first at position \(firstDisagreement ?? 0)")"
            + " over \(tokenCount) positions\n"
            + "ranks: \(ranksAgree ? "hold the same bits" : "DO NOT hold the same bits")\n"
            + "verdict: \(verdict)\(sums)\n"
    }
}

extension Verification {
    /// The same table for the wire.
    private var wireText: String {
        guard let wire else { return "" }
        let rows = wire.differences.map { difference in
            [difference.place, Figure.scientific(difference.largest), Figure.scientific(difference.relative)]
        }
        let titles = ["wire \(wire.wire.rawValue) against f32, after", "largest difference", "in units of the spread"]
        return Table.text([titles] + rows)
            + "wire \(wire.wire.rawValue): the best tokens are those of f32 at \(wire.agreeingTokenCount) of "
            + "\(tokenCount) positions\n"
    }
}

extension Recording {
    /// Adds the values of a chunk at a place.
    mutating func append(_ values: [Float], at place: String) {
        if let index = stages.firstIndex(where: { $0.place == place }) {
            stages[index].values += values
        } else {
            stages.append((place, values))
        }
    }
}
