import Blueprint
import Compute
import MPI
import Partition

/// The ranks that share every layer, and how they put their parts together.
///
/// A group of one rank exchanges nothing.
final class Group {
    let communicator: Communicator
    let plan: Plan
    /// Whether sums travel as the plan says, not in float32 in any case.
    var usesWire = true
    private let exchange: Buffer  // [ranks, tokens, longest part] as one run of floats
    private let packed: Buffer  // [1, words]
    private let received: Buffer  // [1, words]

    init(communicator: Communicator, plan: Plan, buffers: Buffers) {
        self.communicator = communicator
        self.plan = plan
        exchange = buffers.exchange
        packed = buffers.packed
        received = buffers.received
    }

    var rank: Int { communicator.rank }
    var isAlone: Bool { communicator.size == 1 }

    /// Tells the watchdog that this rank is alive and at work.
    func progressed() { communicator.watchdog.stepFinished() }

    /// Gives every rank the embedding of the tokens, `[tokens, width]`, of which each rank has the rows that it holds
    /// and zeros elsewhere.
    func shareEmbedding(of tokens: [Int32], _ buffer: Buffer) throws(MPIError) {
        guard !isAlone else { return }
        let vocabulary = plan.split(of: plan.blueprint.vocabularyAxis)
        if tokens.count == 1, let owner = vocabulary.ranges.firstIndex(where: { $0.contains(Int(tokens[0])) }) {
            try buffer.withMutableSpan(rows: 1) { span throws(MPIError) in
                try communicator.broadcast(&span, from: owner)
            }
        } else {
            try reduce(buffer, tokens: tokens.count)
        }
    }

    /// Sums `[tokens, width]` over the ranks; afterwards all hold the same bits.
    func sum(_ buffer: Buffer, tokens: Int, _ operations: Operations) throws(MPIError) {
        guard !isAlone else { return }
        let summation = plan.summation(tokens: tokens)
        guard usesWire, let packing = Packing(summation.wire) else { return try reduce(buffer, tokens: tokens) }
        let vector = buffer.view(rows: 1, columns: summation.count)
        switch summation.route {
        case .reduced: try reduce(buffer, tokens: tokens)
        case .gathered: try gather(vector, summation, packing, operations)
        case .scattered: try scatter(vector, summation, packing, operations)
        }
    }

    /// Sums `[tokens, columns]` over the ranks in float32: of elements that one rank has and the others not, exact.
    func combine(_ buffer: Buffer, tokens: Int) throws(MPIError) {
        guard !isAlone else { return }
        try reduce(buffer, tokens: tokens)
    }

    private func reduce(_ buffer: Buffer, tokens: Int) throws(MPIError) {
        try buffer.withMutableSpan(rows: tokens) { span throws(MPIError) in
            try communicator.allReduce(&span, .sum)
        }
    }

    private func gather(
        _ vector: Buffer, _ summation: Summation, _ packing: Packing, _ operations: Operations
    ) throws(MPIError) {
        let own = packed.view(rows: summation.blocks, columns: packing.blockWords)
        let all = received.view(rows: communicator.size, columns: own.count)
        operations.pack(vector, as: packing, into: own)
        try allGather(own, into: all)
        operations.addPacked(all, as: packing, into: vector)
    }

    private func scatter(
        _ vector: Buffer, _ summation: Summation, _ packing: Packing, _ operations: Operations
    ) throws(MPIError) {
        let whole = packed.view(rows: summation.blocks, columns: packing.blockWords)
        operations.pack(vector, as: packing, into: whole)
        let terms = received.view(rows: communicator.size, columns: summation.blocksPerRank * packing.blockWords)
        try whole.withSpan(rows: whole.rows) { whole throws(MPIError) in
            try terms.withMutableSpan(rows: terms.rows) { terms throws(MPIError) in
                try communicator.exchangeEqual(whole, into: &terms)
            }
        }
        let elements = summation.elements(rank: rank)
        let part = vector.view(from: elements.lowerBound, rows: 1, columns: elements.count)
        operations.addPacked(terms, as: packing, into: part)
        let own = packed.view(rows: summation.blocksPerRank, columns: packing.blockWords)
        operations.pack(part, as: packing, into: own)
        try allGather(own, into: received.view(rows: communicator.size, columns: own.count))
        operations.addPacked(received.view(rows: 1, columns: whole.count), as: packing, into: vector)
    }

    private func allGather(_ own: Buffer, into all: Buffer) throws(MPIError) {
        try own.withSpan(rows: own.rows) { own throws(MPIError) in
            try all.withMutableSpan(rows: all.rows) { all throws(MPIError) in
                try communicator.allGatherEqual(own, into: &all)
            }
        }
    }

    /// Puts every rank's rows one below the other, in a group of more than one.
    ///
    /// - Parameter counts: elements of each rank's rows.
    func gather(_ own: Buffer, counts: [Int], into whole: Buffer) throws(MPIError) {
        let parts = Parts(counts: counts)
        try own.withSpan(rows: own.rows) { mine throws(MPIError) in
            try whole.view(rows: 1, columns: parts.total).withMutableSpan(rows: 1) { all throws(MPIError) in
                try communicator.allGather(mine, into: &all, parts: parts)
            }
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

extension Packing {
    /// The form in which vectors travel; nil for float32, which needs none.
    init?(_ wire: Wire) {
        switch wire {
        case .f32: return nil
        case .bf16: self = .bf16
        case .q8: self = .q8
        }
    }
}
