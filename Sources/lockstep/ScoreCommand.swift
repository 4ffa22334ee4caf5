import ArgumentParser
import Blueprint
import Engine
import Foundation
import MPI
import Partition
import Text
import Weights

/// Log-probabilities of a text.
struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Print the log-probability of each token of a text, and its perplexity.",
        discussion: "The vocabulary stays in its shards: ranks exchange a maximum, a sum and a target per token.")

    @OptionGroup var options: RunOptions

    @Option(help: ArgumentHelp("A UTF-8 file with the text.", valueName: "file"))
    var textFile: String?

    @Option(help: ArgumentHelp("Token ids, instead of a text.", valueName: "1,2,3"))
    var tokens: TokenList?

    @Option(help: ArgumentHelp("A JSON file with an array of token ids, instead of a text.", valueName: "file"))
    var tokensFile: String?

    @Option(help: "Also print this many best tokens at each place.")
    var top: Int = 0

    @Option(help: ArgumentHelp("Write all logits, float32, to this HDF5 file.", valueName: "file"))
    var logits: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        let given = [textFile != nil, tokens != nil, tokensFile != nil].count { $0 }
        guard given == 1 else {
            throw ValidationError(
                "expected one of --text-file, --tokens and --tokens-file, found \(given == 0 ? "none" : "\(given)")")
        }
        guard (0...1024).contains(top) else { throw ValidationError("--top: expected 0 to 1024, found \(top)") }
    }

    func run() throws {
        Job.run(deadline: options.deadline) { world in
            let session = try options.open(on: world)
            let ids = try world.together { try session.isLead ? input(session.model) : [] }
            _ = try session.run { session in
                if let logits { try write(ids, to: logits, session) }
                let scores = try session.score(ids, topCount: top)
                try report(ids, scores, session)
            }
        }
    }

    private func input(_ model: Model) throws -> [Int] {
        if let tokens { return tokens.ids }
        if let tokensFile { return try TokenList(file: tokensFile).ids }
        guard let textFile else { return [] }
        return try model.tokenizer().encode(utf8: Array(try TextFile.bytes(textFile)), addSpecialTokens: true)
    }

    private func write(_ ids: [Int], to path: String, _ session: Session) throws {
        let file = try LogitsFile.Writer(
            path: path, tokens: ids, vocabulary: session.plan.blueprint.vocabulary,
            modelHash: session.model.file.modelHash)
        try session.logits(ids) { firstPosition, logits in try file.write(logits, firstPosition: firstPosition) }
        try file.finish()
    }

    private func report(_ ids: [Int], _ scores: [TokenScore], _ session: Session) throws {
        let mean = scores.isEmpty ? 0 : scores.reduce(0) { $0 + $1.logProbability } / Double(scores.count)
        let perplexity = exp(-mean)
        if json {
            return try Output.json(ScoreSummary(ids: ids, scores: scores, perplexity: perplexity, hasTop: top > 0))
        }
        let tokenizer = session.model.hasTokenizer ? try session.model.tokenizer() : nil
        for (id, score) in zip(ids.dropFirst(), scores) {
            let best = score.top.map { "\($0.token):\(Output.decimal($0.logProbability, 4))" }.joined(separator: " ")
            let piece = tokenizer?.piece(id) ?? ""
            Output.product("\(id)\t\(Output.decimal(score.logProbability, 6))\t\(piece)\(top > 0 ? "\t\(best)" : "")\n")
        }
        Output.product("perplexity \(Output.decimal(perplexity, 6)) over \(scores.count) tokens\n")
    }
}

/// What `score --json` prints.
private struct ScoreSummary: Encodable {
    let ids: [Int]
    let scores: [TokenScore]
    let perplexity: Double
    let hasTop: Bool

    enum CodingKeys: String, CodingKey {
        case tokens, logprobs, top, perplexity
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(ids, forKey: .tokens)
        try container.encode([nil] + scores.map { Optional($0.logProbability) }, forKey: .logprobs)
        try container.encode(perplexity, forKey: .perplexity)
        guard hasTop else { return }
        try container.encode([[]] + scores.map { $0.top.map { Pair($0) } }, forKey: .top)
    }

    /// `[id, logprob]`.
    private struct Pair: Encodable {
        let choice: TokenScore.Choice

        init(_ choice: TokenScore.Choice) { self.choice = choice }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.unkeyedContainer()
            try container.encode(choice.token)
            try container.encode(choice.logProbability)
        }
    }
}
