import ArgumentParser
import Blueprint
import Engine
import Foundation
import MPI
import Measure
import Partition
import Text

/// Continues a prompt.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continue a prompt, on one rank or under mpirun on many.",
        discussion: """
            The text goes to standard output as it is made, and nothing else does; a summary goes to standard error.

              mpirun -n 3 lockstep generate --model model.h5 --shares 5:3:2 \\
                --prompt "Once upon a time"
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

    @OptionGroup(title: "Reports") var reports: ReportOptions

    @Flag(help: "Print one JSON object instead of the text.")
    var json = false

    func validate() throws {
        let given = [prompt != nil, promptFile != nil, tokens != nil].count { $0 }
        guard given == 1 else {
            throw ValidationError(
                "prompt: expected one of --prompt, --prompt-file and --tokens, "
                    + "found \(given == 0 ? "none" : "\(given)"); give one"
            )
        }
        guard maxTokens > 0 else {
            throw ValidationError("--max-tokens: expected at least 1, found \(maxTokens); give a larger number")
        }
    }

    func run() throws {
        Job.run(deadline: options.deadline) { world in
            let preparation = try options.prepare(on: world, math: .fast, cache: options.share.exact ? .f32 : .f16)
            let given: Input? = try world.together { world.rank == 0 ? try input(preparation) : nil }
            let files = try world.together { world.rank == 0 ? try reports.files() : nil }
            let session = try options.load(preparation, on: world)
            session.measuresGenerations = reports.isWanted
            try session.beginTrace(isWanted: files?.trace != nil)
            let endTokens = ignoreEos ? [] : preparation.model.endTokens
            let generation = try session.run { session in try given.map { try generate($0, endTokens, session) } }
            let traces = try session.endTrace(TraceFile.text)
            guard let (generation, text) = generation ?? nil, let given else { return }
            let summary = GenerationSummary(generation, promptTokens: given.prompt.count, text: text, session: session)
            let activity = GenerationActivity(
                generation, promptTokens: given.prompt.count, plan: session.plan,
                predictions: predictions(session, given.prompt.count, generation))
            try files?.report?.write(Output.jsonText(activity))
            if let traces { try files?.trace?.write(TraceFile.whole(traces)) }
            if json { try Output.json(summary) }
            // mpirun forwards the two outputs separately: the end of the text shall come first.
            if world.size > 1 { Thread.sleep(forTimeInterval: 0.1) }
            if !json { Output.remark("\(summary)") }
            if reports.report { Output.remark("\n\(activity)") }
        }
    }

    /// What the prompt, and a token in the middle of those after it, take by the profile of the machines.
    private func predictions(
        _ session: Session, _ promptTokens: Int, _ generation: Session.Generation
    ) -> (prompt: Prediction?, decoding: Prediction?) {
        let middle = promptTokens + generation.tokens.count / 2
        return (
            session.costModel?.prompt(tokens: promptTokens), session.costModel?.decodedToken(position: middle)
        )
    }

    /// What rank 0 works on.
    private struct Input {
        var prompt: [Int]
        var tokenizer: Tokenizer?
    }

    /// Checked before any weight is read.
    private func input(_ preparation: Preparation) throws -> Input {
        let model = preparation.model
        let needsTokenizer = tokens == nil || !stop.isEmpty
        var input = Input(prompt: [], tokenizer: model.hasTokenizer || needsTokenizer ? try model.tokenizer() : nil)
        if let tokens {
            input.prompt = tokens.ids
        } else if let tokenizer = input.tokenizer {
            let bytes = try promptFile.map { Array(try TextFile.bytes($0)) } ?? Array((prompt ?? "").utf8)
            input.prompt = try tokenizer.encode(utf8: bytes, addSpecialTokens: true)
        }
        try model.check(input.prompt, what: "prompt", atLeast: 1, context: preparation.plan.policy.context)
        return input
    }

    /// Writes the text, or without a tokenizer the ids, as they come.
    private func generate(
        _ input: Input, _ endTokens: Set<Int>, _ session: Session
    ) throws -> (Session.Generation, text: String?) {
        var stream = input.tokenizer.map { TextStream($0, stops: stop) }
        let stopTokens = input.tokenizer?.specialTokens(among: stop) ?? []
        var isFirst = true
        let generation = try session.generate(
            input.prompt, limit: maxTokens, sampling: sampling.settings, endTokens: endTokens.union(stopTokens)
        ) { token in
            try write(try stream?.append(token) ?? (isFirst ? "\(token)" : ",\(token)"))
            isFirst = false
            return stream?.hasStopped != true
        }
        try session.waiting { try write((stream?.finish() ?? "") + "\n") }
        return (generation, stream?.text)
    }

    private func write(_ piece: String) throws {
        if !json { try Output.product(piece) }
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
        if let objection = settings.objection { throw ValidationError("--\(objection); correct the option") }
    }
}
