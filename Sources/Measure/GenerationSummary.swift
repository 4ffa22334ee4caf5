import Blueprint
public import Engine
import MPI
import Partition

/// What a generation came to, for people and for programs.
public struct GenerationSummary: Encodable, Sendable {
    /// How long the parts took.
    public struct Seconds: Encodable, Sendable {
        /// Reading the weights.
        public var loading: Double
        /// From the first token of the prompt to the first generated one.
        public var prompt: Double
        /// The generated tokens after the first.
        public var decoding: Double
    }

    /// The generated tokens.
    public var tokens: [Int]
    /// Their text, where the model has a tokenizer.
    public var text: String?
    /// Tokens of the prompt.
    public var promptTokens: Int
    /// Tokens generated.
    public var generatedTokens: Int
    /// Why it ended: `limit`, `endToken`, `stopped` or `context`.
    public var ending: String
    /// How long the parts took.
    public var seconds: Seconds
    /// Generated tokens after the first, per second.
    public var tokensPerSecond: Double
    /// Ranks that took part.
    public var ranks: Int
    /// Threads of rank 0.
    public var threadsPerRank: Int
    /// How the cache stores keys and values.
    public var cache: String
    /// How much products may round: `precise` or `fast`.
    public var math: String
    /// Collectives per generated token after the first.
    public var collectivesPerToken: Double
    /// Their payload in bytes.
    public var bytesPerToken: Double
    /// Bytes of the weights file that all ranks read.
    public var bytesRead: Int
    /// Bytes of the weights file that each rank read.
    public var bytesReadPerRank: [Int]
    /// Those of all ranks per second of loading, conversion to the kernels' layout included.
    public var bytesReadPerSecond: Double

    /// The summary of a generation on rank 0.
    public init(_ generation: Session.Generation, promptTokens: Int, text: String?, session: Session) {
        let steps = Double(max(generation.tokens.count - 1, 1))
        tokens = generation.tokens
        self.text = text
        self.promptTokens = promptTokens
        generatedTokens = generation.tokens.count
        ending = generation.ending.rawValue
        seconds = Seconds(
            loading: session.loading.seconds, prompt: generation.promptSeconds, decoding: generation.decodingSeconds)
        tokensPerSecond = generation.decodingRate
        ranks = session.rankCount
        threadsPerRank = session.threadCount
        cache = session.plan.policy.cache.rawValue
        math = session.plan.policy.math.rawValue
        collectivesPerToken = Double(generation.decodingTraffic.collectives) / steps
        bytesPerToken = Double(generation.decodingTraffic.byteCount) / steps
        bytesRead = session.loading.byteCountOfAll
        bytesReadPerRank = session.loading.byteCounts
        bytesReadPerSecond = session.loading.bytesPerSecond
    }
}

extension GenerationSummary: CustomStringConvertible {
    /// Three lines: loading, prompt, decoding.
    public var description: String {
        func count(_ number: Int, _ unit: String) -> String { "\(number) \(unit)\(number == 1 ? "" : "s")" }
        let parts = bytesReadPerRank.map { Figure.bytes($0) }.joined(separator: " + ")
        let read = (ranks > 1 ? "\(parts) = " : "") + Figure.bytes(bytesRead)
        let reason =
            switch ending {
            case Session.Ending.context.rawValue: ", ended by the context's end (--context)"
            case Session.Ending.endToken.rawValue: ", ended by the model"
            case Session.Ending.stopped.rawValue: ", ended by a stop text"
            default: ""
            }
        return """
            loading   \(read) in \(Figure.decimal(seconds.loading, 3)) s \
            (\(Figure.giga(bytesReadPerSecond)) GB/s) on \(count(ranks, "rank")) x \(count(threadsPerRank, "thread")), \
            math \(math), cache in \(cache)
            prompt    \(count(promptTokens, "token")) in \(Figure.decimal(seconds.prompt, 3)) s
            decoding  \(count(generatedTokens, "token"))\(reason), \(Figure.decimal(tokensPerSecond, 1)) tokens/s; \
            exchanged per token: \(Figure.bytes(Int(bytesPerToken.rounded()))) in \
            \(Figure.decimal(collectivesPerToken, 0)) collectives
            """
    }
}
