import Compute
import MPI
import Partition

/// The ranks that share every layer, and how they put their parts together.
///
/// A group of one rank exchanges nothing.
final class Group {
    let communicator: Communicator
    let plan: Plan
    private let exchange: Buffer  // [ranks, tokens, longest part] as one run of floats
    private var knownParts: [Gathering: Parts] = [:]

    /// A gather of a certain shape; few occur, and each is worked out once.
    private struct Gathering: Hashable {
        var split: Split
        var perUnit: Int
        var tokens: Int
    }

    init(communicator: Communicator, plan: Plan, exchange: Buffer) {
        self.communicator = communicator
        self.plan = plan
        self.exchange = exchange
    }

    var rank: Int { communicator.rank }
    var isAlone: Bool { communicator.size == 1 }

    /// Sums `[tokens, columns]` over the ranks; afterwards all hold the same bits.
    func sum(_ buffer: Buffer, tokens: Int) throws {
        guard !isAlone else { return }
        try buffer.withMutableSpan(rows: tokens) { span throws(MPIError) in
            try communicator.allReduce(&span, .sum)
        }
    }

    /// Puts every rank's range of columns side by side, in a group of more than one.
    ///
    /// - Parameters:
    ///   - part: `[tokens, held columns]` of this rank.
    ///   - split: the units of each rank.
    ///   - perUnit: columns of one unit.
    ///   - whole: `[tokens, all columns]`.
    func gather(_ part: Buffer, split: Split, perUnit: Int, tokens: Int, into whole: Buffer) throws {
        let isPadded = plan.policy.cutting == .padded
        let held = split.ranges.map { (isPadded ? split.longest : $0.count) * perUnit }
        let parts = self.parts(Gathering(split: split, perUnit: perUnit, tokens: tokens), held: held)
        let received = exchange.view(rows: 1, columns: parts.total)
        try part.withSpan(rows: tokens) { mine throws(MPIError) in
            try received.withMutableSpan(rows: 1) { all throws(MPIError) in
                if isPadded {
                    try communicator.allGatherEqual(mine, into: &all)
                } else {
                    try communicator.allGather(mine, into: &all, parts: parts)
                }
            }
        }
        for rank in 0..<communicator.size {
            let columns = split[rank].lowerBound * perUnit..<split[rank].upperBound * perUnit
            let block = exchange.view(from: parts.offsets[rank], rows: tokens, columns: held[rank])
            whole.copyColumns(columns, from: block, rows: tokens)
        }
    }

    private func parts(_ gathering: Gathering, held: [Int]) -> Parts {
        if let parts = knownParts[gathering] { return parts }
        let parts = Parts(counts: held.map { $0 * gathering.tokens })
        knownParts[gathering] = parts
        return parts
    }
}
