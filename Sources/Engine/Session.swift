import Compute
import MPI
import Partition
import Synchronization
import Weights

/// One rank's end of a running model.
///
/// Rank 0 leads: it turns requests into orders, and every rank, 0 too, obeys each of them. The others follow until
/// rank 0 says stop. Not Sendable: a session stays on the thread of MPI.
public final class Session {
    /// The plan that all ranks work by.
    public let plan: Plan
    /// The model's file and texts.
    public let model: Model
    /// What loading took.
    public let loading: Loading
    let communicator: Communicator
    let transformer: Transformer
    let state: SequenceState
    let bench: Workbench
    private var sampling = Sampling.greedy
    /// Receives the logits that an order asked for, on rank 0: `[rows, vocabulary]` and the position of the first row.
    var receiveLogits: ((_ firstPosition: Int, _ logits: [Float]) throws -> Void)?

    init(
        model: Model, plan: Plan, loading: Loading, communicator: Communicator, transformer: Transformer,
        state: SequenceState, bench: Workbench
    ) {
        self.model = model
        self.plan = plan
        self.loading = loading
        self.communicator = communicator
        self.transformer = transformer
        self.state = state
        self.bench = bench
    }

    /// Whether this is rank 0, which leads.
    public var isLead: Bool { communicator.rank == 0 }

    /// The number of ranks.
    public var rankCount: Int { communicator.size }

    /// The threads of this rank.
    public var threadCount: Int { bench.operations.pool.threadCount }

    /// The collectives and their payload so far.
    public var traffic: MPI.Traffic { communicator.traffic }

    /// Lets rank 0 do `work` while the others follow its orders.
    ///
    /// - Returns: what `work` returned, on rank 0; nil on the others.
    public func run<R>(_ work: (Session) throws -> R) throws -> R? {
        try communicator.watchdog.working {
            guard isLead else {
                try follow()
                return nil
            }
            let result = try work(self)
            try send(.stop)
            return result
        }
    }

    /// Runs `body` without a deadline on rank 0: it waits for something outside, such as a terminal.
    public func waiting<R>(_ body: () throws -> R) rethrows -> R {
        try communicator.watchdog.idle(body)
    }

    /// Sends an order and obeys it.
    func perform(_ order: Order) throws -> Outcome {
        try send(order)
        return try obey(order)
    }

    private func follow() throws {
        while true {
            let order = try receive()
            if order == .stop { return }
            _ = try obey(order)
        }
    }

    private func send(_ order: Order) throws(MPIError) {
        guard rankCount > 1 else { return }
        var header = order.header
        var remainder = order.remainder
        var span = header.mutableSpan
        try communicator.broadcast(&span, from: 0)
        guard !remainder.isEmpty else { return }
        var rest = remainder.mutableSpan
        try communicator.broadcast(&rest, from: 0)
    }

    private func receive() throws(MPIError) -> Order {
        var header = [Int32](repeating: 0, count: Order.headerCount)
        var span = header.mutableSpan
        try communicator.broadcastPatiently(&span, from: 0)
        var remainder = [Int32](repeating: 0, count: Order.remainderCount(header: header))
        if !remainder.isEmpty {
            var rest = remainder.mutableSpan
            try communicator.broadcast(&rest, from: 0)
        }
        return Order(header: header, remainder: remainder)
    }

    private func obey(_ order: Order) throws -> Outcome {
        defer { communicator.watchdog.stepFinished() }
        switch order {
        case .stop:
            return Outcome()
        case .begin(let sampling):
            self.sampling = sampling
            state.clear()
            return Outcome()
        case .gatherLogits:
            return Outcome(token: try chooseFromAll(sampling))
        case .forward(let step):
            try transformer.forward(step.tokens, state: state)
            switch step.purpose {
            case .none: return Outcome()
            case .choose: return Outcome(token: try choose(sampling, lastRow: step.tokens.count - 1))
            case .score: return Outcome(scores: try score(step))
            case .logits:
                try gatherLogits(step)
                return Outcome()
            }
        }
    }
}

/// What came of an order; meaningful on rank 0.
struct Outcome {
    /// The chosen token; nil where the candidates were too few to be sure.
    var token: Int?
    /// One per token of the chunk that has a follower.
    var scores: [TokenScore] = []
}

/// How well the model expected a token.
public struct TokenScore: Hashable, Sendable {
    /// The natural logarithm of its probability.
    public var logProbability: Double
    /// The best tokens at its place with their log-probabilities, best first.
    public var top: [Choice]

    /// A token and its log-probability.
    public struct Choice: Hashable, Sendable {
        /// The token's id.
        public var token: Int
        /// The natural logarithm of its probability.
        public var logProbability: Double
    }
}
