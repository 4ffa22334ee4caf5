import ArgumentParser
import Blueprint
import Engine
import Foundation
import MPI
import Measure
import Partition

/// How fast a model runs.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how fast a model runs, beside what its machines could do.",
        discussion: """
            Alone or under mpirun. First some tokens are computed in two ways and compared; then all ranks at once \
            measure how fast they read memory and multiply, with the threads that run the model. Without a \
            checkpoint, --shape draws random weights.

              lockstep bench --shape NAME --encoding bf16 --batch 1,4,16
              lockstep bench --shape NAME --encoding q4 --group 64 --scales bf16 --offsets
              mpirun -n 2 lockstep bench --model model.h5 --threads 1 --format csv
            """)

    /// How the report is written.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case markdown, csv, json
    }

    @OptionGroup var options: RunOptions

    @Option(
        help: ArgumentHelp(
            "Random weights in this shape instead of a file: \(Blueprint.shapeNames.joined(separator: ", ")).",
            valueName: "name"))
    var shape: String?

    @Option(
        help: """
            Encoding of random weights: f32, bf16, f16, q8, q6, q5 and q4, which are integers in groups, or the K \
            types of GGUF files, of which q2k and q3k take 4 bits as an import of them does. Default: bf16.
            """)
    var encoding: RandomEncoding?

    @OptionGroup var grouping: GroupingOptions

    @Option(help: "The same seed gives the same random weights. Default: 0.")
    var seed: UInt64?

    @Option(help: "Tokens of the prompt. Default: \(defaultPrompt), or what the model's context leaves room for.")
    var prompt: Int?

    @Option(help: "Tokens decoded after the prompt.")
    var generate: Int = 64

    @Option(help: ArgumentHelp("Tokens in one forward after the prompt; 1 is decoding.", valueName: "1,4,16"))
    var batch: TokenList = TokenList(1)

    @Option(name: .customLong("repeat"), help: "How often everything is measured.")
    var repeats: Int = 3

    @Option(help: "markdown, csv or json. Default: markdown.")
    var format: Format?

    @Flag(help: "The same as --format json.")
    var json = false

    private static let defaultPrompt = 512
    // No context is longer, and with it sums of tokens stay far from the limits of `Int`.
    private static let largestCount = 1 << 24

    func validate() throws {
        try checkCounts()
        try checkWeights()
        if json, let format, format != .json {
            throw ValidationError(
                "--format: expected json with --json, found \(format.rawValue); leave one of the two options out")
        }
    }

    private func checkCounts() throws {
        let counts = [("--generate", generate), ("--repeat", repeats)] + (prompt.map { [("--prompt", $0)] } ?? [])
        for (option, count) in counts + batch.ids.map({ ("--batch", $0) }) {
            if count < 1 {
                throw ValidationError("\(option): expected at least 1, found \(count); give a larger number")
            }
            if count > Self.largestCount {
                throw ValidationError(
                    "\(option): expected at most \(Self.largestCount), found \(count); give a smaller number")
            }
        }
        if let largest = batch.ids.max(), largest > options.chunk {
            throw ValidationError(
                "--batch: expected at most --chunk, \(options.chunk), found \(largest); raise --chunk")
        }
    }

    private func checkWeights() throws {
        do { if let shape { _ = try Blueprint(shape: shape) } } catch { throw ValidationError("\(error)") }
        if shape != nil, options.model != nil {
            throw ValidationError("--model, --shape: expected one of them, found both; leave one out")
        }
        let given = (encoding != nil ? ["--encoding"] : []) + grouping.given + (seed != nil ? ["--seed"] : [])
        if shape == nil, let option = given.first {
            throw ValidationError(
                "\(option): expected with --shape, found without; leave it out, a model has weights of its own")
        }
        try grouping.check(beside: [encoding])
    }

    func run() throws {
        Job.run(deadline: options.deadline) { world in
            let blueprint = try world.together { try shape.map { try Blueprint(shape: $0) } }
            let benchmark: Benchmark
            let session: Session
            if let blueprint {
                benchmark = try world.together { try self.benchmark(context: blueprint.maximumContext) }
                let model = RandomModel(
                    blueprint, encoding: (encoding ?? .bf16).encoding(grouping), seed: seed ?? 0)
                session = try model.open(
                    try request(benchmark, on: world), on: world, version: Lockstep.version)
            } else {
                let model = try world.together { try Model(path: options.model ?? Model.embeddedPath) }
                benchmark = try world.together { try self.benchmark(context: model.blueprint.maximumContext) }
                session = try options.load(
                    Preparation(try request(benchmark, on: world), on: world, version: Lockstep.version), on: world)
            }
            RunOptions.remark(on: session.plan, world)
            if blueprint != nil { try options.machines.remark(on: session) }
            let isPredicted = options.machines.cluster != nil
            guard let report = try benchmark.run(session, model: name, isPredicted: isPredicted) else { return }
            try write(report)
            options.machines.remark(on: report.departures ?? [])
        }
    }

    private var name: String {
        shape ?? options.model.map { URL(fileURLWithPath: $0).lastPathComponent } ?? "embedded model"
    }

    private var arithmetic: Math { options.math ?? (options.share.exact ? .precise : .fast) }

    private func benchmark(context: Int) throws -> Benchmark {
        var benchmark = Benchmark(
            promptCount: 0, generateCount: generate, batches: batch.ids, repeats: repeats)
        let room = min(options.context ?? context, context) - benchmark.context
        benchmark.promptCount = prompt ?? min(Self.defaultPrompt, max(1, room))
        guard benchmark.promptCount <= room else {
            throw InputError(
                "--prompt, --generate, --batch: expected at most \(min(options.context ?? context, context)) tokens, "
                    + "the context, found \(benchmark.context); measure fewer")
        }
        return benchmark
    }

    private func request(_ benchmark: Benchmark, on world: Communicator) throws -> Request {
        var request = try options.request(on: world, math: arithmetic, cache: options.share.exact ? .f32 : .f16)
        request.context = options.context ?? benchmark.context
        return request
    }

    private func write(_ report: BenchmarkReport) throws {
        switch json ? .json : format ?? .markdown {
        case .markdown: try Output.product(report.markdown)
        case .csv: try Output.product(report.csv)
        case .json: try Output.json(report)
        }
    }
}

/// How random weights are stored.
enum RandomEncoding: String, EncodingName, ExpressibleByArgument {
    case f32, bf16, f16, q8, q6, q5, q4, q2k, q3k, q4k, q5k, q6k

    var hasGroups: Bool {
        switch self {
        case .q8, .q6, .q5, .q4: true
        case .f32, .bf16, .f16, .q2k, .q3k, .q4k, .q5k, .q6k: false
        }
    }

    /// The encoding in full.
    ///
    /// - Parameter grouping: what the groups of q8, q6, q5 and q4 look like.
    func encoding(_ grouping: GroupingOptions) -> Encoding {
        switch self {
        case .f32: .f32
        case .bf16: .bf16
        case .f16: .f16
        case .q8: grouping.encoding(bits: 8)
        case .q6: grouping.encoding(bits: 6)
        case .q5: grouping.encoding(bits: 5)
        case .q4: grouping.encoding(bits: 4)
        case .q2k: nested(4, 16, hasOffsets: true)
        case .q3k: nested(4, 16, hasOffsets: false)
        case .q4k: nested(4, 32, hasOffsets: true)
        case .q5k: nested(5, 32, hasOffsets: true)
        case .q6k: nested(6, 16, hasOffsets: false)
        }
    }

    private func nested(_ bits: Int, _ size: Int, hasOffsets: Bool) -> Encoding {
        guard let grouping = Grouping(bits: bits, size: size, scale: .nested, hasOffsets: hasOffsets) else {
            preconditionFailure("Each case stands for a form that there is.")
        }
        return .grouped(grouping)
    }
}
