/// What rank 0 tells the others to do in the next step.
///
/// An order travels as eight integers; the tokens of a longer chunk follow in a message of their own.
package enum Order: Hashable {
    /// What becomes of the last token's logits.
    package enum Purpose: Int32 {
        /// Nothing: more of the prompt follows.
        case none
        /// The next token is chosen.
        case choose
        /// Log-probabilities of the following tokens are computed.
        case score
        /// Logits of every token of the chunk are gathered.
        case logits
    }

    /// One forward pass.
    package struct Step: Hashable {
        /// The tokens, at least one.
        package var tokens: [Int32]
        /// What becomes of the logits.
        package var purpose: Purpose
        /// The token that follows the last one, where it is to be scored.
        package var following: Int32
        /// Best tokens wanted per position, where positions are scored.
        package var topCount: Int32
        /// Whether the processor's time is read in it.
        package var samplesProcessor: Bool

        /// A forward pass of these tokens; without more, nothing becomes of their logits.
        package init(
            tokens: [Int32], purpose: Purpose = .none, following: Int32 = -1, topCount: Int32 = 0,
            samplesProcessor: Bool = false
        ) {
            self.tokens = tokens
            self.purpose = purpose
            self.following = following
            self.topCount = topCount
            self.samplesProcessor = samplesProcessor
        }
    }

    /// No more orders.
    case stop
    /// An empty sequence whose tokens are chosen in this way, of so many tokens that are known already.
    case begin(Sampling, tokenCount: Int)
    /// The next tokens of the sequence.
    case forward(Step)
    /// The logits of the last position are gathered: the candidates of a choice were too few.
    case gatherLogits
    /// The following steps are measured, or have been.
    case measure(begins: Bool)
    /// The sequence is kept as it is, or goes back to what was kept.
    case keep(isTakenBack: Bool)
}

extension Order {
    /// Integers in the fixed part; their bytes are the plan's figure.
    package static let headerCount = 8

    private enum Kind: Int32 {
        case stop, begin, forward, gatherLogits, measure, keep
    }

    /// `[kind, purpose, token count, first token, following token, top count, sampled, 0]` of a forward; of others the
    /// kind, and what they say beside it.
    package var header: [Int32] {
        var header = [Int32](repeating: 0, count: Self.headerCount)
        switch self {
        case .stop: header[0] = Kind.stop.rawValue
        case .begin(_, let tokenCount):
            header[0] = Kind.begin.rawValue
            header[1] = Int32(tokenCount)
        case .gatherLogits: header[0] = Kind.gatherLogits.rawValue
        case .measure(let begins):
            header[0] = Kind.measure.rawValue
            header[1] = begins ? 1 : 0
        case .keep(let isTakenBack):
            header[0] = Kind.keep.rawValue
            header[1] = isTakenBack ? 1 : 0
        case .forward(let step):
            header[0] = Kind.forward.rawValue
            header[1] = step.purpose.rawValue
            header[2] = Int32(step.tokens.count)
            header[3] = step.tokens[0]
            header[4] = step.following
            header[5] = step.topCount
            header[6] = step.samplesProcessor ? 1 : 0
        }
        return header
    }

    /// What follows the header, empty where the header says all.
    package var remainder: [Int32] {
        switch self {
        case .stop, .gatherLogits, .measure, .keep: []
        case .begin(let sampling, _): sampling.words
        case .forward(let step): step.tokens.count > 1 ? step.tokens : []
        }
    }

    /// Integers that follow a header.
    package static func remainderCount(header: [Int32]) -> Int {
        switch Kind(rawValue: header[0]) {
        case .stop, .gatherLogits, .measure, .keep, nil: 0
        case .begin: Sampling.wordCount
        case .forward: header[2] > 1 ? Int(header[2]) : 0
        }
    }

    /// The order that was sent.
    package init(header: [Int32], remainder: [Int32]) {
        switch Kind(rawValue: header[0]) {
        case .stop: self = .stop
        case .begin: self = .begin(Sampling(words: remainder), tokenCount: Int(header[1]))
        case .gatherLogits: self = .gatherLogits
        case .measure: self = .measure(begins: header[1] == 1)
        case .keep: self = .keep(isTakenBack: header[1] == 1)
        case .forward:
            guard let purpose = Purpose(rawValue: header[1]) else {
                preconditionFailure("A forward of purpose \(header[1]) arrived, which no rank sends.")
            }
            self = .forward(
                Step(
                    tokens: remainder.isEmpty ? [header[3]] : remainder,
                    purpose: purpose, following: header[4], topCount: header[5],
                    samplesProcessor: header[6] == 1))
        case nil: preconditionFailure("An order of kind \(header[0]) arrived, which no rank sends.")
        }
    }
}

extension Sampling {
    static let wordCount = 12

    /// The settings as 32-bit words.
    var words: [Int32] {
        [
            temperature.bitPattern, UInt64(topK), topP.bitPattern, minP.bitPattern, repetitionPenalty.bitPattern, seed,
        ].flatMap { [Int32(truncatingIfNeeded: $0), Int32(truncatingIfNeeded: $0 >> 32)] }
    }

    /// The settings that the words say.
    init(words: [Int32]) {
        func value(_ index: Int) -> UInt64 {
            UInt64(UInt32(bitPattern: words[2 * index])) | UInt64(UInt32(bitPattern: words[2 * index + 1])) << 32
        }
        self.init(
            temperature: Double(bitPattern: value(0)), topK: Int(value(1)), topP: Double(bitPattern: value(2)),
            minP: Double(bitPattern: value(3)), repetitionPenalty: Double(bitPattern: value(4)), seed: value(5))
    }
}
