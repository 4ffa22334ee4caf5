import Compute
import Engine
import MPI

/// Times what ranks do again and again, all at once, in windows that are spread over the time of a probe.
final class Stopwatch {
    let world: Communicator
    /// What this rank has measured.
    var windows = Windows()
    private let isQuick: Bool
    private let progress: (_ done: Int, _ total: Int, _ next: String) -> Void
    private var (done, total) = (0, 0)
    private var (processorSeconds, threadSeconds) = (0.0, 0.0)

    // Half of the windows of one measurement stay nearer to their median where nothing disturbs them.
    private static let acceptedSpread = 0.2

    init(
        world: Communicator, isQuick: Bool, progress: @escaping (_ done: Int, _ total: Int, _ next: String) -> Void
    ) {
        self.world = world
        self.isQuick = isQuick
        self.progress = progress
    }

    /// Says how many measurements a round has.
    func announce(_ count: Int) { total = rounds * count }

    /// How often everything is measured, one after the other: memory that other machines share is slow and fast by
    /// turns, for seconds.
    var rounds: Int { isQuick ? 2 : 5 }

    /// Seconds in which stages are read one after the other, in every round.
    var stageSeconds: Double { isQuick ? 0.02 : 0.05 }

    /// Seconds of one window: many times as long as a system lets one of several programs on a core work, so that ranks
    /// which share a core see their part of it.
    private var window: Double { isQuick ? 0.01 : 0.03 }

    /// Seconds for the peak of one kind of factors.
    var peakSeconds: Double { isQuick ? 0.02 : 0.1 }

    /// Bytes of memory that no cache holds.
    var uncachedByteCount: Int { isQuick ? 32 << 20 : 256 << 20 }

    /// How often in a round something between ranks is done, that takes so many seconds.
    func repeats(seconds: Double) -> Int { Int(min(200, max(5, (isQuick ? 0.005 : 0.01) / seconds))) }

    /// What spoils the measurements of this rank, if anything does.
    var warning: String? {
        guard let widest = windows.widest, widest.spread > Self.acceptedSpread else { return nil }
        return "\(widest.measurement): expected moments of about the same speed, found half of them more than "
            + "\(Int(widest.spread * 100)) % off their median; see what else the host does, then probe again"
    }

    /// Tells what is measured next, and the watchdog that this rank is alive.
    func begin(_ what: String) {
        world.watchdog.stepFinished()
        progress(done, total, what)
        done += 1
    }

    /// The part of the time of all windows in which the threads had a core.
    var coreShare: Double { threadSeconds > 0 ? min(1, processorSeconds / threadSeconds) : 1 }

    /// Adds the seconds of one call to the windows of a measurement.
    func time(_ measurement: String, on pool: Pool, _ call: (Int) -> Void) throws(MPIError) {
        windows.add(try secondsPerCall(on: pool, call), to: measurement)
    }

    /// The seconds of one call, in a window that all ranks have at the same time.
    ///
    /// - Parameter call: is given numbers from 0 on; keeps all threads of the pool busy.
    func secondsPerCall(on pool: Pool, _ call: (Int) -> Void) throws(MPIError) -> Double {
        call(0)
        try world.barrier()
        let (start, processorStart) = (ContinuousClock.now, Nanoseconds.processor())
        var count = 0
        var elapsed = 0.0
        repeat {
            count += 1
            call(count)
            elapsed = (ContinuousClock.now - start) / .seconds(1)
        } while elapsed < window
        processorSeconds += Double(Nanoseconds.processor() - processorStart) * 1e-9
        threadSeconds += elapsed * Double(pool.threads)
        return elapsed / Double(count)
    }
}
