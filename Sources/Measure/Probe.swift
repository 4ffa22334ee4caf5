import Blueprint
public import Compute
import Engine
import Foundation
public import MPI
public import Partition

/// Measures what the ranks of a job can do, all at once, and what connects them.
public struct Probe {
    /// Threads of this rank; nil for its fair part of the host's cores.
    public var threads: Int?
    /// Whether a rough answer in a few seconds will do.
    public var isQuick: Bool
    /// Makes this rank look slow; nil for its own speed.
    public var slowdown: Slowdown?

    /// What a job has measured.
    public struct Outcome: Sendable {
        /// The measurements.
        public var profile: ClusterProfile
        /// What makes them doubtful, a line each.
        public var warnings: [String]
    }

    /// A probe of the machine as it is, unless said otherwise.
    public init(threads: Int? = nil, isQuick: Bool = false, slowdown: Slowdown? = nil) {
        self.threads = threads
        self.isQuick = isQuick
        self.slowdown = slowdown
    }

    /// Measures; to be called on every rank.
    ///
    /// - Parameters:
    ///   - version: the program's version, which must be the same on all ranks.
    ///   - progress: is told how many of how many measurements are done, and what comes next.
    /// - Returns: the same on every rank.
    public func run(
        on world: Communicator, version: String,
        progress: @escaping (_ done: Int, _ total: Int, _ next: String) -> Void = { _, _, _ in }
    ) throws -> Outcome {
        try world.requireSameVersion(version)
        try world.requireSame(
            "--quick", "\(isQuick)", remedy: "start every rank with the same options")
        return try world.watchdog.working {
            let stopwatch = Stopwatch(world: world, isQuick: isQuick, progress: progress)
            let rank = try RankProbe(self, stopwatch)
            let links = LinkProbe(world: world, stopwatch: stopwatch)
            let stage = world.size > 1 ? try world.together { try rank.stage() } : nil
            let collectives = try CollectiveProbe(
                world: world, stopwatch: stopwatch, threads: rank.pool.threads, sharesCores: try rank.anySharesCores(),
                stage: stage)
            stopwatch.announce(
                RankProbe.measurementCount + (stage == nil ? 0 : 1)
                    + LinkProbe.measurementCount(ranks: world.size) + collectives.measurementCount)
            for _ in 0..<stopwatch.rounds {
                try rank.measure()
                if let stage { try rank.measureStages(stage) }
                try links.measure()
                try collectives.measure()
            }
            var own = rank.profile
            // The variation of who takes turns is that of the system's turns.
            own.stageVariation = rank.sharesCores ? nil : stage?.variation
            let ranks = try world.gatherStrings(Self.text(own)).map { text in
                try JSONDecoder().decode(RankProfile.self, from: Data(text.utf8))
            }
            let profile = ClusterProfile(
                programVersion: version, measured: Date.now.formatted(.iso8601), ranks: ranks,
                links: links.profiles, collectives: collectives.profiles)
            let warnings = try world.gatherStrings(stopwatch.warning ?? "").enumerated()
                .filter { !$0.element.isEmpty }.map { "rank \($0.offset) on \(world.hosts[$0.offset]): \($0.element)" }
            return Outcome(profile: profile.rounded, warnings: warnings)
        }
    }

    private static func text(_ rank: RankProfile) throws -> String {
        String(decoding: try JSONEncoder().encode(rank), as: UTF8.self)
    }
}
