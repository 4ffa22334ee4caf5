import ArgumentParser
import Compute
import MPI

/// Machines that are to look slow, for studies and tests.
struct SlowOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Make a rank's kernels take so many times as long, on busy cores: 1=4, or 0=1.5,2=3.",
            valueName: "rank=factor", visibility: .hidden))
    var emulateSlow: [SlowRanks] = []

    func validate() throws {
        let ranks = emulateSlow.flatMap { $0.factors.map(\.rank) }
        guard Set(ranks).count == ranks.count else {
            throw ValidationError("--emulate-slow: expected one factor for a rank, found more; leave the others out")
        }
    }

    /// What slows this rank down, if anything does.
    func slowdown(on world: Communicator) throws -> Slowdown? {
        let factors = emulateSlow.flatMap(\.factors)
        try world.together {
            guard let stranger = factors.first(where: { $0.rank >= world.size }) else { return }
            throw InputError(
                "--emulate-slow: expected a rank from 0 to \(world.size - 1), found \(stranger.rank); correct the rank")
        }
        return factors.first { $0.rank == world.rank }.map { Slowdown(factor: $0.factor) }
    }
}

/// Ranks and how many times as long they take, as `0=1.5,2=3`.
struct SlowRanks: ExpressibleByArgument {
    var factors: [(rank: Int, factor: Double)]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        let factors = parts.compactMap { part -> (Int, Double)? in
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, let rank = Int(sides[0]), rank >= 0, let factor = Double(sides[1]),
                (1...10_000).contains(factor)
            else { return nil }
            return (rank, factor)
        }
        guard factors.count == parts.count else { return nil }
        self.factors = factors
    }
}
