import ArgumentParser
import Engine
import Foundation
import MPI
import Measure
import Partition

/// What is known of the machines.
struct ClusterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            What 'lockstep probe' has measured: predicts times, and without --shares or --shares-file shares the work \
            so that a token is the fastest (with --split uneven).
            """, valueName: "file"))
    var cluster: String?

    /// The profile, checked; nil where none is named.
    func profile() throws -> ClusterProfile? {
        try cluster.map { path in try ClusterProfile(json: Data(try TextFile.bytes(path)), path: path) }
    }
}

extension ClusterOptions {
    /// The profile of a job's ranks on rank 0; nil on the others, and where none is named.
    ///
    /// Refuses ranks of which only some were told one: they would call different collectives.
    func profile(on world: Communicator) throws -> ClusterProfile? {
        try world.requireSame(
            "--cluster", cluster == nil ? "not given" : "given", remedy: "start every rank with the same options")
        return try world.together {
            guard world.rank == 0, let cluster else { return nil }
            return try profile()?.matching(hosts: world.hosts, path: cluster)
        }
    }

    /// Says on rank 0 what of the job is not as it was when its profile was measured; to be called on every rank.
    func remark(on session: Session) throws {
        // The same on every rank.
        guard cluster != nil else { return }
        let machines = try session.machines()
        guard let profile = session.costModel?.profile else { return }
        let lines = profile.differences(
            threads: machines.map(\.threads), instructionSets: machines.map(\.instructionSet),
            version: Lockstep.version)
        remark(on: lines)
    }

    /// Says what of a job is not as it was when its profile was measured.
    func remark(on differences: [String]) {
        guard let cluster else { return }
        for line in differences { Output.remark("\(cluster): \(line); measure again with 'lockstep probe'") }
    }
}
