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
    func wanted() throws -> Shares? {
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
        let text = String(decoding: try TextFile.bytes(path), as: UTF8.self)
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = line.prefix { $0 != "#" }
            let fields = content.split(whereSeparator: \.isWhitespace)
            if fields.isEmpty { continue }
            guard fields.count == 2, let share = Double(fields[1]), share > 0, share.isFinite else {
                throw InputError(
                    "\(path), line \(number + 1): expected 'host share' with a share above zero, "
                        + "found '\(content)'; correct the line")
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
        for (option, count) in [("--context", context), ("--chunk", chunk), ("--threads", threads)] {
            guard let count, count < 1 else { continue }
            throw ValidationError("\(option): expected at least 1, found \(count)")
        }
        // More than any machine has cores, and still few enough to start.
        if let threads, threads > 1024 { throw ValidationError("--threads: expected at most 1024, found \(threads)") }
        guard (0.1...1e9).contains(deadline) else {
            throw ValidationError("--deadline: expected 0.1 to 1e9, found \(deadline)")
        }
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
