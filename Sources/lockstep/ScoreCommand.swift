import ArgumentParser
import Blueprint
import Engine
import MPI
import Measure
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
                "text: expected one of --text-file, --tokens and --tokens-file, found \(given == 0 ? "none" : "\(given)"); give one"
            )
        }
        guard (0...1024).contains(top) else {
            throw ValidationError("--top: expected 0 to 1024, found \(top); correct the option")
        }
    }

    func run() throws {
        Job.run(deadline: options.deadline) { world in
            let preparation = try options.prepare(on: world)
            let words: Tokenizer? = try world.together { world.rank == 0 ? try tokenizer(preparation.model) : nil }
            let ids = try world.together { try world.rank == 0 ? input(preparation, words) : [] }
            let session = try options.load(preparation, on: world)
            let scores = try session.run { session in
                if let logits { try write(ids, to: logits, preparation.model, session) }
                return try session.score(ids, topCount: top)
            }
            guard let scores else { return }
            let summary = ScoreSummary(tokens: ids, scores: scores, hasTop: top > 0)
            if json { try Output.json(summary) } else { try Output.product(lines(summary, words)) }
        }
    }

    private func tokenizer(_ model: Model) throws -> Tokenizer? {
        model.hasTokenizer || textFile != nil ? try model.tokenizer() : nil
    }

    /// Checked before any weight is read.
    private func input(_ preparation: Preparation, _ tokenizer: Tokenizer?) throws -> [Int] {
        var ids = tokens?.ids ?? []
        if let tokensFile { ids = try TokenList(file: tokensFile).ids }
        if let textFile, let tokenizer {
            ids = try tokenizer.encode(utf8: Array(try TextFile.bytes(textFile)), addSpecialTokens: true)
        }
        try preparation.model.check(ids, what: "text", atLeast: 2, context: preparation.plan.policy.context)
        return ids
    }

    private func write(_ ids: [Int], to path: String, _ model: Model, _ session: Session) throws {
        let file = try LogitsFile.Writer(
            path: path, tokens: ids, vocabulary: session.plan.blueprint.vocabulary,
            modelHash: model.file.modelHash)
        try session.logits(ids) { firstPosition, logits in try file.write(logits, firstPosition: firstPosition) }
        try session.waiting { try file.finish() }
    }

    private func lines(_ summary: ScoreSummary, _ tokenizer: Tokenizer?) -> String {
        let rows = zip(summary.tokens.dropFirst(), summary.scores).map { id, score in
            let best = score.top.map { "\($0.token):\(Figure.decimal($0.logProbability, 4))" }.joined(separator: " ")
            return "\(id)\t\(Figure.decimal(score.logProbability, 6))\t\(tokenizer?.piece(id) ?? "")"
                + (top > 0 ? "\t\(best)\n" : "\n")
        }
        return rows.joined()
            + "perplexity \(Figure.decimal(summary.perplexity, 6)) over \(summary.scores.count) tokens\n"
    }
}
