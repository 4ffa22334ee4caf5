import Blueprint
import Compute
public import MPI
public import Partition
import Weights

/// One rank's end of a running model.
///
/// Rank 0 leads: it turns requests into orders, and every rank, 0 too, obeys each of them. The others follow until
/// rank 0 says stop. Not Sendable: a session stays on the thread of MPI.
public final class Session {
    /// The plan that all ranks work by.
    public let plan: Plan
    /// What passes take by the profile of the machines; nil without one, and on ranks other than 0.
    public let costModel: CostModel?
    /// Where the weights come from.
    let source: WeightsSource
    /// What loading took.
    public internal(set) var loading: Loading
    let communicator: Communicator
    /// Whether this rank's threads must take turns on cores.
    let sharesCores: Bool
    let transformer: Transformer
    let state: SequenceState
    let bench: Workbench
    let arena: Arena
    /// Where in the arena the weights lie.
    let weightBytes: Range<Int>
    private var sampling = Sampling.greedy
    /// What the sequence was when it was kept.
    var kept: SequenceState.Snapshot?
    /// The logits of the last choice, in case its candidates were too few.
    var lastLogits: LocalLogits?
    /// Receives the logits that an order asked for, on rank 0: `[rows, vocabulary]` and the position of the first row.
    var receiveLogits: ((_ firstPosition: Int, _ logits: [Float]) throws -> Void)?
    /// Whether generations are measured rank by rank; what counts is rank 0's.
    public var measuresGenerations = false
    /// This rank's clock at the begin of a trace, and how far it was ahead of rank 0's.
    var traceStart: (time: Int64, ahead: Int64)?
    /// Bytes of experts that were read before the measured steps.
    var expertBytesBefore = 0
    /// The collectives before the measured steps.
    var trafficBefore = MPI.Traffic()

    /// Reads this rank's slices into one arena and builds its layers on them.
    ///
    /// - Parameter progress: is told how many bytes have been read, and of how many.
    init(
        _ source: WeightsSource, _ placement: Placement, progress: (_ byteCount: Int, _ totalByteCount: Int) -> Void
    ) throws {
        let (plan, communicator) = (placement.plan, placement.communicator)
        let rank = communicator.rank
        let workspace = plan.workspace(rank: rank)
        let arena = try Arena(
            byteCount: source.byteCount(plan: plan, rank: rank) + Buffers.byteCount(workspace)
                + SequenceState.byteCount(plan: plan, rank: rank))
        let buffers = try Buffers(workspace, in: arena)
        let operations = Operations(
            pool: Pool(threads: placement.threads, cores: placement.cores), instructionSet: try .best,
            isExact: plan.policy.way == .gather, math: plan.policy.math, rounded: buffers.rounded,
            slowdown: placement.slowdown)
        let firstByte = arena.usedByteCount
        let slices = try source.slices(
            plan: plan, rank: rank, arena: arena, pool: operations.pool, progress: progress)
        self.source = source
        self.plan = plan
        costModel = placement.costModel
        self.communicator = communicator
        sharesCores = placement.sharesCores
        self.arena = arena
        weightBytes = firstByte..<arena.usedByteCount
        let clock = PhaseClock(threads: operations.pool.threads, stepsDiffer: plan.hasOwnedExperts)
        bench = Workbench(
            operations: operations, buffers: buffers,
            group: Group(communicator: communicator, plan: plan, buffers: buffers), clock: clock,
            routing: Routing(plan))
        transformer = Transformer(plan: plan, shard: slices, bench: bench)
        state = try SequenceState(plan: plan, rank: rank, in: arena)
        loading = Loading(byteCounts: [slices.byteCountRead])
    }

    /// Whether this is rank 0, which leads.
    public var isLead: Bool { communicator.rank == 0 }

    /// The number of ranks.
    public var rankCount: Int { communicator.size }

    /// The threads of this rank.
    public var threadCount: Int { bench.operations.pool.threads }

    /// The collectives and their payload so far.
    public var traffic: MPI.Traffic { communicator.traffic }

    /// Lets rank 0 do `work` while the others follow its orders.
    ///
    /// - Returns: what `work` returned, on rank 0; nil on the others.
    /// - Throws: what `work` throws, ``EngineError`` for logits that are no numbers, and `MPIError`.
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
    public func waiting<R, Failure: Error>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        try bench.clock.pausing { () throws(Failure) in try communicator.watchdog.idle(body) }
    }

    /// Sends an order and obeys it.
    func perform(_ order: Order) throws -> Outcome {
        var order = order
        if bench.clock.affordsSample, case .forward(var step) = order {
            step.samplesProcessor = true
            order = .forward(step)
        }
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
        try communicator.broadcastPatiently(&span, from: 0)
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
        case .begin(let sampling, let tokenCount):
            self.sampling = sampling
            state.clear()
            kept = nil
            state.isLong = plan.blueprint.longFrom.map { tokenCount > $0 } ?? false
            return Outcome()
        case .keep(let isTakenBack):
            if isTakenBack, let kept { state.takeBack(kept) } else { state.keep(in: &kept) }
            return Outcome()
        case .measure(let begins):
            return Outcome(measurement: try measure(begins))
        case .gatherLogits:
            bench.clock.stepBegins(isSampled: false)
            defer { bench.clock.stepEnds(tokens: 0) }
            return Outcome(token: try chooseFromAll(sampling))
        case .forward(let step):
            bench.clock.stepBegins(isSampled: step.samplesProcessor)
            let outcome = try forward(step)
            bench.clock.stepEnds(tokens: step.tokens.count)
            try makeRoomForMeetings()
            return outcome
        }
    }

    private func forward(_ step: Order.Step) throws -> Outcome {
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
