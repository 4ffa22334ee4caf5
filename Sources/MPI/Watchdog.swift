internal import Glibc
internal import Synchronization

/// Ends the job when it makes no progress, and says which rank is missing or stuck.
///
/// MPI never notices a rank that is stopped, cut off or in an endless loop: the others wait for ever. So every rank has
/// a thread that looks on. The program marks what it does: while it is `working`, a step has to finish within the
/// deadline on some rank, or the watchdogs call the roll and end the job. While any rank is `idle` nobody is in a
/// hurry, but all must still answer. A job of one rank has nobody to wait for and is not watched.
public final class Watchdog: Sendable {
    /// How many seconds may pass without a finished step.
    public let deadline: Double

    /// What this rank does, as a `RankState`.
    private let mark = Atomic<Int>(RankState.idle.rawValue)
    private let progress = Atomic<Int>(0)
    private let arrived = Atomic<Int>(0)
    private let left = Atomic<Int>(0)
    private let isInMessage = Atomic<Bool>(false)
    private let closing = Atomic<Bool>(false)
    private let closed = Atomic<Bool>(true)
    private let bell: [Int32]  // [read end, write end] of a pipe

    init(deadline: Double) throws(MPIError) {
        precondition(deadline > 0 && deadline.isFinite, "the deadline is a positive number of seconds")
        self.deadline = deadline
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw .watchdog(reason: unsafe String(cString: strerror(errno))) }
        bell = ends
    }

    /// Runs `body` with the watchdog armed: a step has to finish within the deadline, again and again.
    public func working<R: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        try marked(.working, body)
    }

    /// Runs `body`, which may take as long as it likes: loading, or waiting for a request or for a terminal.
    public func idle<R: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        try marked(.idle, body)
    }

    /// Tells that this rank has finished a step; the deadline starts anew.
    public func stepFinished() {
        advance(progress)
    }

    private func marked<R: ~Copyable, Failure: Error>(
        _ state: RankState, _ body: () throws(Failure) -> R
    ) throws(Failure) -> R {
        let previous = mark.load(ordering: .relaxed)
        setState(state.rawValue)
        defer { setState(previous) }
        return try body()
    }

    private func setState(_ state: Int) {
        advance(progress)
        mark.store(state, ordering: .relaxed)
    }

    // One thread writes these counters, so that no locked instruction is needed.
    private func advance(_ counter: borrowing Atomic<Int>) {
        counter.store(counter.load(ordering: .relaxed) + 1, ordering: .relaxed)
    }
}

/// What the communicators and the job tell the watchdog.
extension Watchdog {
    /// Marks that this rank has come to its next collective.
    func arrive() { advance(arrived) }

    /// Marks that the collective is over.
    func leave() { advance(left) }

    /// Waits for one other rank: no meeting of all, and so not counted as one.
    func inMessage<R>(_ body: () -> R) -> R {
        isInMessage.store(true, ordering: .relaxed)
        defer { isInMessage.store(false, ordering: .relaxed) }
        return body()
    }

    /// Marks that this rank has nothing left to do and waits for the others to come to the end.
    func finish() { setState(RankState.finished.rawValue) }

    /// Starts the thread, which owns `rollCall` and with it a communicator of its own.
    func start(_ rollCall: RollCall) throws(MPIError) {
        closed.store(false, ordering: .releasing)
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(rollCall).toOpaque()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<RollCall>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument)
        guard code == 0 else { throw .watchdog(reason: unsafe String(cString: strerror(code))) }
        pthread_detach(thread)
    }

    /// Makes the thread use MPI no more, so that MPI can be finalised; it stays to end a process that hangs in that.
    func close() {
        closing.store(true, ordering: .releasing)
        var ring: UInt8 = 1
        _ = unsafe write(bell[1], &ring, 1)
        while !closed.load(ordering: .acquiring) { usleep(200) }
    }
}

/// What the thread reads.
extension Watchdog {
    var isClosing: Bool { closing.load(ordering: .acquiring) }

    /// Changes with every sign of progress.
    var progressMark: Int { progress.load(ordering: .relaxed) }

    /// What this rank does; the age is the thread's own affair.
    func report(age: Double) -> RankReport {
        let left = left.load(ordering: .relaxed)
        let arrived = arrived.load(ordering: .relaxed)
        return RankReport(
            state: RankState(rawValue: mark.load(ordering: .relaxed)) ?? .working,
            isWaiting: arrived != left || isInMessage.load(ordering: .relaxed), arrived: arrived, age: age)
    }

    func confirmClosed() { closed.store(true, ordering: .releasing) }

    /// Sleeps until the time is over or the job comes to its end.
    func sleep(milliseconds: Int32) {
        var descriptor = pollfd(fd: bell[0], events: Int16(POLLIN), revents: 0)
        unsafe poll(&descriptor, 1, milliseconds)
    }
}
