import MPI

/// Times what ranks do again and again, all at once.
final class Stopwatch {
    let world: Communicator
    private let isQuick: Bool
    private let total: Int
    private let progress: (_ done: Int, _ total: Int, _ next: String) -> Void
    private var done = 0
    private var widestSpread = 0.0
    private var widest = ""

    // Runs that differ more than this were disturbed.
    private static let acceptedSpread = 0.5

    init(
        world: Communicator, isQuick: Bool, total: Int,
        progress: @escaping (_ done: Int, _ total: Int, _ next: String) -> Void
    ) {
        self.world = world
        self.isQuick = isQuick
        self.total = total
        self.progress = progress
    }

    /// Seconds of one run: many times as long as a system lets one of several programs on a core work, so that ranks
    /// which share a core see their part of it.
    private var window: Double { isQuick ? 0.01 : 0.08 }

    private var repeats: Int { isQuick ? 2 : 3 }

    /// Bytes of memory that no cache holds.
    var uncachedByteCount: Int { isQuick ? 32 << 20 : 256 << 20 }

    /// How often something between ranks is done, that takes so many seconds.
    func repeats(seconds: Double) -> Int {
        let least = isQuick ? 5.0 : 15.0
        return Int(min(1000, max(least, (isQuick ? 0.005 : 0.05) / seconds)))
    }

    /// What spoils the measurements of this rank, if anything does.
    var warning: String? {
        guard widestSpread > Self.acceptedSpread else { return nil }
        return "\(widest): expected runs of about the same speed, found one \(Int(widestSpread * 100)) % slower than "
            + "the best; see what else the host does, then probe again"
    }

    /// Tells what is measured next, and the watchdog that this rank is alive.
    func begin(_ what: String) {
        world.watchdog.stepFinished()
        progress(done, total, what)
        done += 1
    }

    /// Seconds of one call, in the best of a few runs that all ranks make at the same time, each for as long as the
    /// others.
    ///
    /// - Parameter call: is given numbers from 0 on.
    func secondsPerCall(_ what: String, _ call: (Int) -> Void) throws(MPIError) -> Double {
        var index = 0
        call(index)
        var times: [Double] = []
        for _ in 0..<repeats {
            try world.barrier()
            let first = index
            let start = ContinuousClock.now
            var elapsed = 0.0
            repeat {
                index += 1
                call(index)
                elapsed = (ContinuousClock.now - start) / .seconds(1)
            } while elapsed < window
            times.append(elapsed / Double(index - first))
        }
        let best = times.min() ?? 0
        let spread = (times.max() ?? 0) / best - 1
        if spread > widestSpread { (widestSpread, widest) = (spread, what) }
        return best
    }
}
