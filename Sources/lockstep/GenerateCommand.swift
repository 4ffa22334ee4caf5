import ArgumentParser
import Engine
import Foundation
import MPI
import Text

/// Continues a prompt.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continue a prompt, on one rank or under mpirun on many.",
        discussion: """
            The text goes to standard output as it is made, and nothing else does; a summary goes to standard error.

              mpirun -n 3 lockstep generate --model qwen3.h5 --shares 5:3:2 --prompt "Once upon a time"
            """)

    @OptionGroup var options: RunOptions

    @Option(help: ArgumentHelp("The text to continue.", valueName: "text"))
    var prompt: String?

    @Option(help: ArgumentHelp("A UTF-8 file with the text to continue.", valueName: "file"))
    var promptFile: String?

    @Option(help: ArgumentHelp("Token ids to continue, instead of a text.", valueName: "1,2,3"))
    var tokens: TokenList?

    @Option(help: "The most tokens to generate.")
    var maxTokens: Int = 128

    @OptionGroup(title: "Sampling") var sampling: SamplingOptions

    @Option(help: ArgumentHelp("End before this text; may be given more than once.", valueName: "text"))
    var stop: [String] = []

    @Flag(help: "Go on after tokens that end a text.")
    var ignoreEos = false

    @Flag(help: "Print one JSON object instead of the text.")
    var json = false

    func validate() throws {
        let given = [prompt != nil, promptFile != nil, tokens != nil].count { $0 }
        guard given == 1 else {
            throw ValidationError(
                "expected one of --prompt, --prompt-file and --tokens, found \(given == 0 ? "none" : "\(given)")")
        }
        guard maxTokens > 0 else { throw ValidationError("--max-tokens: expected at least 1, found \(maxTokens)") }
    }

    func run() throws {
        Job.run(deadline: options.deadline) { world in
            let session = try options.open(on: world)
            let text = try world.together { try session.isLead ? GenerationText(session.model, self) : nil }
            _ = try session.run { session in
                guard var text else { return }
                let generation = try session.generate(
                    text.prompt, limit: maxTokens, sampling: sampling.settings,
                    endTokens: ignoreEos ? [] : session.model.endTokens
                ) { token in
                    try session.waiting { try text.receive(token) }
                }
                text.finish()
                try report(generation, text, session)
            }
        }
    }

    private func report(_ generation: Session.Generation, _ text: GenerationText, _ session: Session) throws {
        let summary = GenerationSummary(generation, text, session)
        if json { try Output.json(summary) } else { Output.remark(summary.description) }
    }
}

/// How the next token is chosen.
struct SamplingOptions: ParsableArguments {
    @Option(help: "0 takes the best token; larger numbers vary more.")
    var temperature: Double = 0

    @Option(help: "Choose among the best so many tokens only; 0 for all.")
    var topK: Int = 0

    @Option(help: "Choose among the best tokens that reach this probability together; 1 for all.")
    var topP: Double = 1

    @Option(help: "Choose among tokens at least this many times as probable as the best; 0 for all.")
    var minP: Double = 0

    @Option(help: "The same seed gives the same text; with --exact, at any number of ranks.")
    var seed: UInt64 = 0

    @Option(help: "Divides the logits of tokens that stand in the text already; 1 for no effect.")
    var repetitionPenalty: Double = 1

    var settings: Sampling {
        Sampling(
            temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty,
            seed: seed)
    }

    func validate() throws {
        if let objection = settings.objection { throw ValidationError("--\(objection)") }
    }
}

/// The prompt's tokens, and the text that becomes of the generated ones.
private struct GenerationText {
    let prompt: [Int]
    private(set) var text = ""
    private var decoder: StreamingDecoder?
    private var filter: StopFilter
    private let isStreaming: Bool
    private var hasWritten = false

    init(_ model: Model, _ command: GenerateCommand) throws {
        isStreaming = !command.json
        filter = StopFilter(command.stop)
        if let tokens = command.tokens {
            prompt = tokens.ids
            // Without a tokenizer the ids themselves are the product.
            decoder = try model.hasTokenizer ? StreamingDecoder(model.tokenizer(), skipSpecialTokens: true) : nil
        } else {
            let tokenizer = try model.tokenizer()
            let bytes = try command.promptFile.map { Array(try TextFile.bytes($0)) }
            prompt = try tokenizer.encode(utf8: bytes ?? Array((command.prompt ?? "").utf8), addSpecialTokens: true)
            decoder = StreamingDecoder(tokenizer, skipSpecialTokens: true)
        }
    }

    /// Takes a token; returns whether more are wanted.
    mutating func receive(_ token: Int) throws -> Bool {
        guard decoder != nil else {
            write(hasWritten ? ",\(token)" : "\(token)")
            return true
        }
        if let piece = try decoder?.append(token) { write(filter.pass(piece)) }
        return !filter.hasStopped
    }

    mutating func finish() {
        if let rest = decoder?.finish() { write(filter.pass(rest)) }
        write(filter.finish())
        if isStreaming { Output.product("\n") }
    }

    private mutating func write(_ piece: String) {
        hasWritten = true
        text += piece
        if isStreaming { Output.product(piece) }
    }
}

/// What a generation came to, for people and for programs.
private struct GenerationSummary: Encodable, CustomStringConvertible {
    struct Seconds: Encodable {
        var loading: Double
        var prompt: Double
        var decoding: Double
    }

    var tokens: [Int]
    var text: String
    var promptTokens: Int
    var generatedTokens: Int
    var ending: String
    var seconds: Seconds
    var tokensPerSecond: Double
    var ranks: Int
    var threadsPerRank: Int
    var collectivesPerToken: Double
    var bytesPerToken: Double
    var bytesRead: Int

    init(_ generation: Session.Generation, _ text: GenerationText, _ session: Session) {
        let steps = Double(max(generation.tokens.count - 1, 1))
        tokens = generation.tokens
        self.text = text.text
        promptTokens = text.prompt.count
        generatedTokens = generation.tokens.count
        ending = generation.ending.rawValue
        seconds = Seconds(
            loading: session.loading.seconds, prompt: generation.promptSeconds, decoding: generation.decodingSeconds)
        tokensPerSecond = generation.decodingRate
        ranks = session.rankCount
        threadsPerRank = session.threadCount
        collectivesPerToken = Double(generation.decodingTraffic.collectives) / steps
        bytesPerToken = Double(generation.decodingTraffic.byteCount) / steps
        bytesRead = session.loading.byteCountOfAll
    }

    var description: String {
        let work = "\(ranks) rank\(ranks == 1 ? "" : "s") x \(threadsPerRank) thread\(threadsPerRank == 1 ? "" : "s")"
        return """
            loading   \(Output.bytes(bytesRead)) in \(Output.decimal(seconds.loading, 3)) s on \(work)
            prompt    \(promptTokens) tokens in \(Output.decimal(seconds.prompt, 3)) s
            decoding  \(generatedTokens) tokens, \(Output.decimal(tokensPerSecond, 1)) tokens/s; exchanged per token: \
            \(Output.bytes(Int(bytesPerToken.rounded()))) in \(Output.decimal(collectivesPerToken, 0)) collectives
            """
    }
}
