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

    init(communicator: Communicator, plan: Plan, exchange: Buffer) {
        self.communicator = communicator
        self.plan = plan
        self.exchange = exchange
    }

    var rank: Int { communicator.rank }
    var isAlone: Bool { communicator.size == 1 }

    /// Tells the watchdog that this rank is alive and at work.
    func progressed() { communicator.watchdog.stepFinished() }

    /// Sums `[tokens, columns]` over the ranks; afterwards all hold the same bits.
    func sum(_ buffer: Buffer, tokens: Int) throws(MPIError) {
        guard !isAlone else { return }
        try buffer.withMutableSpan(rows: tokens) { span throws(MPIError) in
            try communicator.allReduce(&span, .sum)
        }
    }

    /// Puts every rank's range of columns side by side, in a group of more than one.
    ///
    /// - Parameters:
    ///   - part: `[tokens, held columns]` of this rank.
    ///   - whole: `[tokens, all columns]`.
    func gather(
        _ part: Buffer, _ gathering: Gathering, tokens: Int, into whole: Buffer, _ operations: Operations
    ) throws(MPIError) {
        let parts = gathering.parts(tokens: tokens)
        try part.withSpan(rows: tokens) { mine throws(MPIError) in
            try exchange.view(rows: 1, columns: parts.total).withMutableSpan(rows: 1) { all throws(MPIError) in
                switch plan.policy.cutting {
                case .padded: try communicator.allGatherEqual(mine, into: &all)
                case .uneven: try communicator.allGather(mine, into: &all, parts: parts)
                }
            }
        }
        for rank in 0..<communicator.size {
            let columns = gathering.columns(of: rank)
            let block = exchange.view(
                from: parts.offsets[rank], rows: tokens, columns: gathering.heldColumns[rank])
            operations.copy(block, tokens: tokens, columns: columns.count, into: whole, column: columns.lowerBound)
        }
    }
}
