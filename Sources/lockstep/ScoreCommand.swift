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

    @Option(
        help: ArgumentHelp(
            "Logits that 'score --logits' wrote, perhaps of the same model in another encoding: score their tokens, "
                + "and print the divergence of the probabilities from theirs.",
            valueName: "file"))
    var reference: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        let given = [textFile != nil, tokens != nil, tokensFile != nil, reference != nil].count { $0 }
        guard given == 1 else {
            throw ValidationError(
                "text: expected one of --text-file, --tokens, --tokens-file and --reference, found "
                    + "\(given == 0 ? "none" : "\(given)"); give one")
        }
        guard (0...1024).contains(top) else {
            throw ValidationError("--top: expected 0 to 1024, found \(top); correct the option")
        }
    }

    func run() throws {
        Job.run(deadline: options.deadline) { world in
            let preparation = try options.prepare(on: world)
            let words: Tokenizer? = try world.together { world.rank == 0 ? try tokenizer(preparation.model) : nil }
            let file = try world.together { try world.rank == 0 ? reference.map { try LogitsFile(path: $0) } : nil }
            let ids = try world.together { try world.rank == 0 ? input(preparation, words, file) : [] }
            let session = try options.load(preparation, on: world)
            let summary = try session.run { session in
                if let logits { try write(ids, to: logits, preparation.model, session) }
                let divergence = try file.map { try compare(session, with: $0) }
                let scores = try session.score(ids, topCount: top)
                return ScoreSummary(tokens: ids, scores: scores, hasTop: top > 0, divergence: divergence)
            }
            guard let summary else { return }
            if json { try Output.json(summary) } else { try Output.product(lines(summary, words)) }
        }
    }

    private func tokenizer(_ model: Model) throws -> Tokenizer? {
        model.hasTokenizer || textFile != nil ? try model.tokenizer() : nil
    }

    /// Checked before any weight is read.
    private func input(_ preparation: Preparation, _ tokenizer: Tokenizer?, _ file: LogitsFile?) throws -> [Int] {
        var ids = tokens?.ids ?? []
        if let file {
            let vocabulary = preparation.model.blueprint.vocabulary
            guard file.vocabulary == vocabulary else {
                throw InputError(
                    "\(reference ?? ""): expected logits over a vocabulary of \(vocabulary), found \(file.vocabulary); "
                        + "give a file that 'score --logits' wrote for this model in some encoding")
            }
            ids = file.tokens
        }
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

    private func compare(_ session: Session, with file: LogitsFile) throws -> Divergence {
        var divergence = Divergence()
        try session.logits(file.tokens) { divergence.add($1, firstPosition: $0, reference: file) }
        return divergence
    }

    private func line(_ divergence: Divergence) -> String {
        "divergence \(Figure.decimal(divergence.mean, 6)) nats per token, "
            + "at most \(Figure.decimal(divergence.largest, 6)); "
            + "the same best token at \(divergence.sameBestCount) of \(divergence.tokenCount)\n"
    }

    private func lines(_ summary: ScoreSummary, _ tokenizer: Tokenizer?) -> String {
        let rows = zip(summary.tokens.dropFirst(), summary.scores).map { id, score in
            let best = score.top.map { "\($0.token):\(Figure.decimal($0.logProbability, 4))" }.joined(separator: " ")
            return "\(id)\t\(Figure.decimal(score.logProbability, 6))\t\(tokenizer?.piece(id) ?? "")"
                + (top > 0 ? "\t\(best)\n" : "\n")
        }
        return rows.joined()
            + "perplexity \(Figure.decimal(summary.perplexity, 6)) over \(summary.scores.count) tokens\n"
            + (summary.divergence.map(line) ?? "")
    }
}
