import MPI
import Partition

/// A stopwatch that says what a rank does for how long; it stands still unless somebody measures.
///
/// It runs from the first measured step to the end of the last one, in which all ranks start and stop it by the same
/// orders. Reading the processor's time costs more than anything else here, so only some steps do: rank 0 chooses them,
/// so that they are a small part of the time.
final class PhaseClock: CollectiveObserver {
    /// The ranks' meeting points.
    let meetings: Meetings
    /// Where events go, where somebody wants them.
    var trace: TraceRing?
    private(set) var isRunning = false
    /// The time of each phase in finished steps.
    private(set) var finished = PhaseTimes()
    /// Forwards of finished steps.
    private(set) var forwards = 0
    /// Their tokens.
    private(set) var tokens = 0
    /// The tokens of those of them that read the processor's time.
    private(set) var sampledTokens = 0
    /// What processors spent on this rank in those, outside of collectives, in nanoseconds.
    private(set) var processorTime: Int64 = 0

    private let threads: Int
    private var times = PhaseTimes()
    private var phase = Phase.rest
    private var since: Int64 = 0
    private var layer: Int?
    private var stepStart: Int64 = 0
    private var isSampling = false
    private var processorSince: Int64 = 0
    private var processorSpent: Int64 = 0
    private var processorReads = 0
    private var costOfRead: Int64 = 0

    /// - Parameters:
    ///   - threads: those of the rank.
    ///   - stepsDiffer: as in ``Meetings/init(stepsDiffer:)``.
    init(threads: Int, stepsDiffer: Bool) {
        self.threads = threads
        meetings = Meetings(stepsDiffer: stepsDiffer)
    }

    /// Begins at zero.
    func start() {
        (finished, times, forwards, tokens, sampledTokens, processorTime) = (.init(), .init(), 0, 0, 0, 0)
        (phase, layer, processorReads, costOfRead) = (.rest, nil, 0, Nanoseconds.costOfProcessor())
        meetings.clear()
        isRunning = true
        since = Nanoseconds.now()
    }

    /// Stands still, and forgets what came after the last finished step: the order to stop.
    func stop() {
        isRunning = false
        times = finished
    }

    /// Runs `body`, which is no part of what is measured.
    func pausing<R, Failure: Error>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        guard isRunning else { return try body() }
        advance(to: Nanoseconds.now())
        defer { since = Nanoseconds.now() }
        return try body()
    }

    /// Runs `body` as a part of a phase, and goes on with the phase before.
    func measure<R, Failure: Error>(
        _ phase: Phase, layer: Int? = nil, _ body: () throws(Failure) -> R
    ) throws(Failure) -> R {
        guard isRunning else { return try body() }
        let last = self.phase
        let start = Nanoseconds.now()
        advance(to: start)
        (self.phase, self.layer) = (phase, layer)
        defer {
            advance(to: Nanoseconds.now())
            trace?.append(TraceEvent(kind: .phase(phase), layer: layer, start: start, end: since))
            (self.phase, self.layer) = (last, nil)
        }
        return try body()
    }

    func collectiveBegins(_ function: StaticString) {
        guard isRunning else { return }
        advance(to: Nanoseconds.now())
        if isSampling { processorSpent = readProcessor() - processorSince }
    }

    func collectiveEnds(_ function: StaticString) {
        guard isRunning else { return }
        let (start, last) = (since, phase)
        phase = .communication
        advance(to: Nanoseconds.now())
        phase = last
        meet(inside: since - start, processor: isSampling ? processorSpent : 0)
        if isSampling { processorSince = readProcessor() }
        trace?.append(TraceEvent(kind: .collective(function), layer: layer, start: start, end: since))
    }

    private func meet(inside: Int64, processor: Int64) {
        meetings.append(inside: inside, computed: processor / Int64(threads))
        processorTime += processor
    }

    private func advance(to now: Int64) {
        times[phase] += now - since
        since = now
    }

    private func readProcessor() -> Int64 {
        processorReads += 1
        return Nanoseconds.processor()
    }
}

/// Steps.
extension PhaseClock {
    /// Whether the next step may read the processor's time: the first does, later ones while it takes less than a
    /// two-hundredth of all time.
    var affordsSample: Bool { isRunning && Int64(processorReads) * costOfRead * 200 <= finished.total }

    /// Nanoseconds of all finished steps.
    var elapsed: Int64 { finished.total }

    /// Begins to obey an order.
    func stepBegins(isSampled: Bool) {
        guard isRunning else { return }
        stepStart = Nanoseconds.now()
        isSampling = isSampled
        if isSampled { processorSince = readProcessor() }
    }

    /// Ends what ``stepBegins(isSampled:)`` began: a forward of so many tokens, or of none a part of the one before.
    func stepEnds(tokens count: Int) {
        guard isRunning else { return }
        meet(inside: 0, processor: isSampling ? readProcessor() - processorSince : 0)
        if isSampling { sampledTokens += count }
        isSampling = false
        advance(to: Nanoseconds.now())
        trace?.append(TraceEvent(kind: .step(tokens: count), layer: nil, start: stepStart, end: since))
        tokens += count
        if count > 0 { forwards += 1 }
        finished = times
        meetings.commit()
    }
}
