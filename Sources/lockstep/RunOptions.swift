public import ArgumentParser
public import Blueprint
import Engine
import Foundation
import MPI
import Partition

/// What every command that runs a model under mpirun takes.
struct RunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A weights file that 'lockstep import' wrote. Default: the embedded model."))
    var model: String?

    @OptionGroup(title: "Shares") var share: ShareOptions

    @OptionGroup var machines: ClusterOptions

    @Option(
        help: """
            Tokens that the cache holds. Default: the model's longest context, at most \(Request.defaultContext); of \
            bench what it needs.
            """)
    var context: Int?

    @Option(
        help: """
            How the cache stores keys and values: f32, bf16, f16 or q8. Default: f32; for 'generate' and 'bench' \
            without --exact f16.
            """)
    var cache: CacheEncoding?

    @Option(help: "The most tokens of a prompt in one forward pass.")
    var chunk: Int = 256

    @Option(help: "Threads of each rank. Default: the cores of its host, divided among the host's ranks.")
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            """
            precise: float32 throughout. fast: activations are rounded where that is faster, to 8-bit integers beside \
            grouped weights and to bf16 beside bf16 weights. Default: fast for generate and bench, precise for the \
            others and with --exact.
            """))
    var math: Math?

    @Option(help: "Seconds without a sign of progress after which the job ends and says which rank is missing.")
    var deadline: Double = 60

    @OptionGroup var slow: SlowOptions

    func validate() throws {
        if share.exact, math == .fast {
            throw ValidationError("--math: expected precise with --exact, found fast; leave one of the two options out")
        }
        for (option, count) in [("--context", context), ("--chunk", chunk)] {
            guard let count, count < 1 else { continue }
            throw ValidationError("\(option): expected at least 1, found \(count); give a larger number")
        }
        try Self.check(threads: threads, deadline: deadline)
    }

    /// Refuses numbers of threads and deadlines that make no sense.
    static func check(threads: Int?, deadline: Double) throws {
        if let threads, threads < 1 {
            throw ValidationError("--threads: expected at least 1, found \(threads); give a larger number")
        }
        // Threads meet many times in a step: those that must take turns on cores wait for each other there.
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let most = max(64, 16 * cores)
        if let threads, threads > most {
            throw ValidationError(
                "--threads: expected at most \(most), as this host has \(cores) \(cores == 1 ? "core" : "cores"), "
                    + "found \(threads); give its cores, or fewer")
        }
        guard deadline >= 0.1, deadline <= 1e9 else {
            throw ValidationError("--deadline: expected 0.1 seconds to 1e9, found \(deadline); correct the option")
        }
    }

    /// Opens the model on all ranks and agrees on a plan, before any weight is read.
    ///
    /// - Parameters:
    ///   - preferred: how much products may round where no option says it.
    ///   - fallback: how the cache stores keys and values where no option says it.
    func prepare(
        on world: Communicator, math preferred: Math = .precise, cache fallback: CacheEncoding = .f32
    ) throws -> Preparation {
        let preparation = try Preparation(
            try request(on: world, math: preferred, cache: fallback), on: world, version: Lockstep.version)
        Self.remark(on: preparation.plan, world)
        return preparation
    }

    /// Says on rank 0 where memory and not the user has decided on shares.
    static func remark(on plan: Plan, _ world: Communicator) {
        if world.rank == 0, let remark = plan.memoryRemark { Output.remark(remark) }
    }

    /// What these options ask for; the parameters are those of ``prepare(on:math:cache:)``.
    func request(
        on world: Communicator, math preferred: Math = .precise, cache fallback: CacheEncoding = .f32
    ) throws -> Request {
        let slowdown = try slow.slowdown(on: world)
        let shares = try world.together { world.rank == 0 ? try share.wanted() : nil }
        return Request(
            modelPath: model, shares: shares, profile: try machines.profile(on: world), way: share.way,
            cutting: share.split, wire: share.wire, context: context, cache: cache ?? fallback, chunk: chunk,
            math: math ?? preferred, experts: share.experts, threads: threads, slowdown: slowdown)
    }

    /// Reads the weights; rank 0 shows how far it is.
    func load(_ preparation: Preparation, on world: Communicator) throws -> Session {
        let bar = world.rank == 0 ? ProgressBar("load") : nil
        defer { bar?.finish() }
        let session = try preparation.load { bar?.show($0, of: $1) }
        try machines.remark(on: session)
        return session
    }
}

extension CacheEncoding: ExpressibleByArgument {}
extension Math: ExpressibleByArgument {}
