import Blueprint
public import MPI
import Partition

/// What rank 0 can ask of all ranks.
extension Session {
    /// What a generation took.
    public struct Generation: Sendable {
        /// The tokens chosen, the one that ended the text included.
        public var tokens: [Int] = []
        /// Why it ended.
        public var ending: Ending = .limit
        /// Seconds for the prompt, up to the first token.
        public var promptSeconds = 0.0
        /// Seconds for the tokens after the first, without those that the receiver took.
        public var decodingSeconds = 0.0
        /// Collectives and their payload for the tokens after the first.
        public var decodingTraffic = MPI.Traffic()
        /// What every rank did for the prompt, where that is measured.
        public var promptMeasurement: Measurement?
        /// What every rank did for the tokens after the first, where that is measured.
        public var decodingMeasurement: Measurement?

        /// Tokens after the first per second.
        public var decodingRate: Double {
            tokens.count > 1 && decodingSeconds > 0 ? Double(tokens.count - 1) / decodingSeconds : 0
        }
    }

    /// Why a generation ended.
    public enum Ending: String, Sendable {
        /// As many tokens as were asked for.
        case limit
        /// A token that ends texts.
        case endToken
        /// The receiver wanted no more.
        case stopped
        /// No place for a further token.
        case context
    }

    /// Continues a prompt, on rank 0 inside ``run(_:)``.
    ///
    /// - Parameters:
    ///   - prompt: token ids.
    ///   - limit: the most tokens to choose.
    ///   - endTokens: tokens after which nothing follows.
    ///   - receive: gets each token; returns whether to go on. It may wait for what is outside, such as a terminal.
    /// - Throws: ``EngineError`` for a prompt that is empty, longer than the context, or has an unknown token, or
    ///   for logits that are no numbers; what `receive` throws; `MPIError`.
    public func generate(
        _ prompt: [Int], limit: Int, sampling: Sampling, endTokens: Set<Int>, receive: (Int) throws -> Bool
    ) throws -> Generation {
        if let objection = sampling.objection { throw EngineError.invalidSetting(objection) }
        try plan.blueprint.check(prompt, what: "prompt", atLeast: 1, context: state.context)
        guard limit > 0 else { return Generation() }
        var sampling = sampling
        // No token is excluded then.
        if sampling.topK >= plan.blueprint.vocabulary { sampling.topK = 0 }
        var generation = Generation()
        let clock = ContinuousClock()
        let start = clock.now
        _ = try perform(.begin(sampling, tokenCount: prompt.count))
        try beginMeasuring()
        var next = try feed(prompt.map { Int32($0) })
        let prompted = clock.now
        generation.promptMeasurement = try endMeasuring()
        try beginMeasuring()
        let first = clock.now
        generation.promptSeconds = (prompted - start).seconds
        let trafficAtFirst = traffic
        var receiving = Duration.zero
        while true {
            generation.tokens.append(next)
            if endTokens.contains(next) {
                generation.ending = .endToken
                break
            }
            let received = clock.now
            let isWanted = try waiting { try receive(next) }
            receiving += clock.now - received
            guard isWanted else {
                generation.ending = .stopped
                break
            }
            if generation.tokens.count == limit { break }
            if state.position == state.context {
                generation.ending = .context
                break
            }
            next = try chosen(perform(.forward(.init(tokens: [Int32(next)], purpose: .choose))))
        }
        generation.decodingSeconds = (clock.now - first - receiving).seconds
        generation.decodingTraffic = traffic - trafficAtFirst
        generation.decodingMeasurement = try endMeasuring()
        return generation
    }

    /// Keeps the sequence as it is, for ``takeBack()``; on rank 0 inside ``run(_:)``.
    ///
    /// - Throws: `MPIError`.
    package func keepSequence() throws { _ = try perform(.keep(isTakenBack: false)) }

    /// Goes back to where the sequence was kept; on rank 0 inside ``run(_:)``.
    ///
    /// - Throws: ``EngineError`` where none was kept, or where keys have been computed anew since; `MPIError`.
    package func takeBack() throws {
        guard let kept else { throw EngineError.invalidSetting("a sequence: expected one that was kept, found none") }
        guard kept.isLong == state.isLong else {
            throw EngineError.invalidSetting(
                "a sequence: expected one that turns as it did when it was kept, found that it has become long since")
        }
        if let most = plan.tokensToTakeBack, state.position - kept.tokenCount > most {
            throw EngineError.invalidSetting(
                "a sequence: expected at most \(most) tokens since it was kept, since caches of windows forget, found "
                    + "\(state.position - kept.tokenCount)")
        }
        _ = try perform(.keep(isTakenBack: true))
    }

    /// The greedy choice after each of some tokens that follow the sequence; on rank 0 inside ``run(_:)``.
    ///
    /// - Throws: ``EngineError`` for logits that are no numbers; `MPIError`.
    package func choices(after tokens: [Int]) throws -> [Int] {
        try tokens.map { try chosen(perform(.forward(.init(tokens: [Int32($0)], purpose: .choose)))) }
    }

    /// The log-probability of each token but the first, on rank 0 inside ``run(_:)``.
    ///
    /// - Parameters:
    ///   - tokens: at least two.
    ///   - topCount: best tokens wanted per place.
    /// - Throws: ``EngineError`` for tokens that are too few or too many, or unknown, or for logits that are no
    ///   numbers; `MPIError`.
    public func score(_ tokens: [Int], topCount: Int = 0) throws -> [TokenScore] {
        try plan.blueprint.check(tokens, what: "text", atLeast: 2, context: state.context)
        _ = try perform(.begin(.greedy, tokenCount: tokens.count))
        let ids = tokens.map { Int32($0) }
        // The last token is only a target: nothing follows it.
        return try chunks(ids.count - 1).flatMap { range in
            try perform(
                .forward(
                    .init(
                        tokens: Array(ids[range]), purpose: .score, following: ids[range.upperBound],
                        topCount: Int32(topCount)))
            ).scores
        }
    }

    /// The logits at every position, on rank 0 inside ``run(_:)``.
    ///
    /// - Parameters:
    ///   - single: so many of the last tokens are run one by one, as in decoding.
    ///   - receive: gets `[rows, vocabulary]` and the position of the first row, in order. It may wait for what is
    ///     outside, such as a disk.
    /// - Throws: ``EngineError`` for tokens that are none or too many, or unknown; what `receive` throws; `MPIError`.
    public func logits(
        _ tokens: [Int], single: Int = 0, receive: @escaping (_ firstPosition: Int, _ logits: [Float]) throws -> Void
    ) throws {
        try plan.blueprint.check(tokens, what: "text", atLeast: 1, context: state.context)
        receiveLogits = { [self] position, logits in try waiting { try receive(position, logits) } }
        defer { receiveLogits = nil }
        _ = try perform(.begin(.greedy, tokenCount: tokens.count))
        let together = max(0, tokens.count - single)
        for range in chunks(together) + (together..<tokens.count).map({ $0..<$0 + 1 }) {
            _ = try perform(.forward(.init(tokens: tokens[range].map { Int32($0) }, purpose: .logits)))
        }
    }

    /// Ranges of at most a chunk.
    private func chunks(_ count: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: plan.policy.chunk).map { $0..<min($0 + plan.policy.chunk, count) }
    }

    /// Runs a prompt through the model; the token that follows it.
    func feed(_ prompt: [Int32]) throws -> Int {
        var outcome = Outcome()
        for range in chunks(prompt.count) {
            let isLast = range.upperBound == prompt.count
            let step = Order.Step(tokens: Array(prompt[range]), purpose: isLast ? .choose : .none)
            outcome = try perform(.forward(step))
        }
        return try chosen(outcome)
    }

    private func beginMeasuring() throws {
        if measuresGenerations { _ = try perform(.measure(begins: true)) }
    }

    private func endMeasuring() throws -> Measurement? {
        measuresGenerations ? try perform(.measure(begins: false)).measurement : nil
    }

    private func chosen(_ outcome: Outcome) throws -> Int {
        if let token = outcome.token { return token }
        guard let token = try perform(.gatherLogits).token else {
            throw EngineError.notFinite(position: state.position - 1)
        }
        return token
    }
}

extension MPI.Traffic {
    static func - (later: MPI.Traffic, earlier: MPI.Traffic) -> MPI.Traffic {
        MPI.Traffic(
            collectives: later.collectives - earlier.collectives, byteCount: later.byteCount - earlier.byteCount)
    }
}
