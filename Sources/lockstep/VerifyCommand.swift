import ArgumentParser
import Blueprint
import Engine
import MPI
import Measure
import Text
import Weights

/// Proof that N ranks compute what one computes.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare N ranks with one rank alone, layer by layer.",
        discussion: """
            Under mpirun: all ranks compute a prompt together, then rank 0 computes it alone. Prints the largest
            difference after each layer and of the logits, and whether the best tokens agree. The exit status is 1 if
            the logits differ by more than the tolerance, with --exact if anything differs at all.

              mpirun -n 3 lockstep verify --model qwen3.h5 --shares 5:3:2 --exact
            """)

    @OptionGroup var options: RunOptions

    @Option(
        help: ArgumentHelp("The text to compute. Default: 64 tokens from all over the vocabulary.", valueName: "text"))
    var prompt: String?

    @Option(help: ArgumentHelp("Token ids, instead of a text.", valueName: "1,2,3"))
    var tokens: TokenList?

    @Option(
        help: ArgumentHelp(
            "Logits that 'score --logits' wrote, instead of rank 0 alone, where one machine cannot hold the model.",
            valueName: "file"))
    var reference: String?

    @Option(help: "The largest difference of logits accepted, in units of their standard deviation; 0 with --exact.")
    var tolerance: Double = 5e-4

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if prompt != nil, tokens != nil { throw ValidationError("expected --prompt or --tokens, found both") }
        guard tolerance >= 0, tolerance.isFinite else {
            throw ValidationError("--tolerance: expected 0 or more, found \(tolerance)")
        }
    }

    func run() throws {
        Job.runForStatus(deadline: options.deadline) { world in
            let session = try options.open(on: world)
            let file = try world.together { try session.isLead ? expected(session.model) : nil }
            let ids = try world.together { try session.isLead ? input(session.model, file) : [] }
            let verification = try Verification.run(
                session, tokens: ids, comparesWithFile: reference != nil, reference: file,
                tolerance: options.share.exact ? 0 : tolerance)
            guard let verification else { return 0 }
            if json { try Output.json(verification) } else { Output.product(verification.description) }
            return verification.passes ? 0 : 1
        }
    }

    private func expected(_ model: Model) throws -> LogitsFile? {
        guard let reference else { return nil }
        let file = try LogitsFile(path: reference)
        let (found, vocabulary) = (file.logits.count / max(1, file.tokens.count), model.blueprint.vocabulary)
        guard found == vocabulary else {
            throw InputError(
                "\(reference): expected logits over a vocabulary of \(vocabulary), found \(found); "
                    + "give a file that 'score --logits' wrote for this model")
        }
        return file
    }

    private func input(_ model: Model, _ reference: LogitsFile?) throws -> [Int] {
        if let reference { return reference.tokens }
        if let tokens { return tokens.ids }
        if let prompt { return try model.tokenizer().encode(prompt, addSpecialTokens: true) }
        return Verification.defaultTokens(vocabulary: model.blueprint.vocabulary)
    }
}
