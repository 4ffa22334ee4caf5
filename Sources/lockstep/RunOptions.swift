public import ArgumentParser
import Engine
import Foundation
import MPI
public import Partition

/// The arithmetic of a forward pass.
enum Arithmetic: String, ExpressibleByArgument, CaseIterable {
    /// Activations and sums in float32, whatever the weights' encoding.
    case precise
}

extension Cutting: ExpressibleByArgument {}

/// How the work is shared among ranks.
struct ShareOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The part of the work of each rank, in rank order; only ratios count. Default: equal parts.",
            valueName: "5:3:2"))
    var shares: ShareList?

    @Option(
        help: ArgumentHelp("A file with a line 'host share' for each host, instead of --shares.", valueName: "file"))
    var sharesFile: String?

    @Option(help: "uneven, or padded: every range padded with zeros to the longest, for comparison.")
    var split: Cutting = .uneven

    @Flag(help: "Results that are the same to the last bit on any number of ranks and any shares.")
    var exact = false

    func validate() throws {
        if shares != nil, sharesFile != nil {
            throw ValidationError("--shares and --shares-file: expected one of them, found both; leave one out")
        }
    }

    /// The shares asked for, if any.
    func wanted() throws -> Engine.Shares? {
        if let shares { return .perRank(shares.values) }
        return try sharesFile.map { try .perHost(SharesFile(path: $0).shares) }
    }

    /// How ranks put their parts together.
    var way: Way { exact ? .gather : .sum }
}

/// Shares as they are written on the command line, `5:3:2`.
struct ShareList: ExpressibleByArgument {
    var values: [Double]

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Double($0) }
        guard numbers.count == parts.count, numbers.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        values = numbers
    }
}

/// A file of lines `host share`, with comments after `#`.
struct SharesFile {
    var shares: [String: Double] = [:]

    init(path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ValidationError("\(path): expected a readable file of lines 'host share'; give another path")
        }
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = line.prefix { $0 != "#" }
            let fields = content.split(whereSeparator: \.isWhitespace)
            if fields.isEmpty { continue }
            guard fields.count == 2, let share = Double(fields[1]), share > 0, share.isFinite else {
                throw ValidationError(
                    "\(path), line \(number + 1): expected 'host share' with a share above zero, found '\(content)'")
            }
            shares[String(fields[0])] = share
        }
    }
}

/// What every command that runs a model under mpirun takes.
struct RunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A weights file that 'lockstep import' wrote. Default: the embedded model."))
    var model: String?

    @OptionGroup(title: "Shares") var share: ShareOptions

    @Option(
        help: "Tokens that the cache holds. Default: the model's longest context, at most \(Request.defaultContext).")
    var context: Int?

    @Option(help: "The most tokens of a prompt in one forward pass.")
    var chunk: Int = 256

    @Option(help: "Threads of each rank. Default: the cores of its host, divided among the host's ranks.")
    var threads: Int?

    @Option(help: "Arithmetic: precise (float32 throughout).")
    var math: Arithmetic = .precise

    @Option(help: "Seconds without a finished step after which the job ends and says which rank is missing.")
    var deadline: Double = 60

    func validate() throws {
        func require(_ option: String, _ value: Double?, atLeast least: Double) throws {
            guard let value, !(value >= least && value.isFinite) else { return }
            throw ValidationError("\(option): expected at least \(least), found \(value)")
        }
        try require("--context", context.map { Double($0) }, atLeast: 1)
        try require("--chunk", Double(chunk), atLeast: 1)
        try require("--threads", threads.map { Double($0) }, atLeast: 1)
        try require("--deadline", deadline, atLeast: 0.1)
    }

    /// What the engine is asked for; the shares file is read on rank 0 only.
    func request(isLead: Bool) throws -> Request {
        Request(
            modelPath: model, shares: isLead ? try share.wanted() : nil, way: share.way, cutting: share.split,
            context: context, chunk: chunk, threads: threads)
    }

    /// Opens the model on all ranks.
    func open(on world: Communicator) throws -> Session {
        let wanted = try world.together { try request(isLead: world.rank == 0) }
        return try Session.open(wanted, on: world, version: Lockstep.version)
    }
}
