import ArgumentParser
import Blueprint
import Engine
import MPI
import Measure
import Partition
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
            the logits differ by more than the tolerance, with --exact if anything differs at all, or if a best token
            differs where nothing is rounded.

              mpirun -n 3 lockstep verify --model model.h5 --shares 5:3:2 --exact
            """)

    @OptionGroup var options: RunOptions

    @Option(
        help: ArgumentHelp("The text to compute. Default: tokens from all over the vocabulary.", valueName: "text"))
    var prompt: String?

    @Option(help: ArgumentHelp("Token ids, instead of a text.", valueName: "1,2,3"))
    var tokens: TokenList?

    @Option(
        help: ArgumentHelp(
            "Logits that 'score --logits' wrote, instead of rank 0 alone, where one machine cannot hold the model.",
            valueName: "file"))
    var reference: String?

    @Option(
        help: """
            The largest difference of logits accepted, in units of their standard deviation; 0 with --exact. Default: \
            0.0005, or what rounding explains: 0.2 with --math fast, else 0.05 with --cache bf16 or q8, 0.005 with f16.
            """)
    var tolerance: Double?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard [prompt != nil, tokens != nil, reference != nil].count(where: { $0 }) <= 1 else {
            throw ValidationError(
                "--prompt, --tokens, --reference: expected one at most, found more; leave the others out")
        }
        if let tolerance, !(tolerance >= 0 && tolerance.isFinite) {
            throw ValidationError("--tolerance: expected 0 or more, found \(tolerance); correct the option")
        }
    }

    func run() throws {
        Job.runForStatus(deadline: options.deadline) { world in
            let preparation = try options.prepare(on: world)
            let file = try world.together { try world.rank == 0 ? reference.map { try LogitsFile(path: $0) } : nil }
            let ids = try world.together { try world.rank == 0 ? input(preparation, file) : [] }
            let verification = try Verification.run(
                try options.load(preparation, on: world), tokens: ids, comparesWithFile: reference != nil,
                reference: file, tolerance: tolerance)
            guard let verification else { return 0 }
            if json { try Output.json(verification) } else { try Output.product(verification.description) }
            return verification.passes ? 0 : 1
        }
    }

    /// Checked before any weight is read.
    private func input(_ preparation: Preparation, _ file: LogitsFile?) throws -> [Int] {
        let (model, context) = (preparation.model, preparation.plan.policy.context)
        var ids = Verification.defaultTokens(vocabulary: model.blueprint.vocabulary, context: context)
        if let tokens { ids = tokens.ids }
        if let prompt { ids = try model.tokenizer().encode(prompt, addSpecialTokens: true) }
        if let file {
            guard file.vocabulary == model.blueprint.vocabulary else {
                throw InputError(
                    "\(reference ?? ""): expected logits over a vocabulary of \(model.blueprint.vocabulary), found "
                        + "\(file.vocabulary); give a file that 'score --logits' wrote for this model")
            }
            guard file.modelHash == nil || file.modelHash == model.file.modelHash else {
                throw InputError(
                    "\(reference ?? ""): expected logits of the model \(model.file.modelHash), found those of "
                        + "\(file.modelHash ?? ""); give a file that 'score --logits' wrote for this model")
            }
            ids = file.tokens
        }
        try model.check(ids, what: "prompt", atLeast: 1, context: context)
        return ids
    }
}
