import Partition

/// A stopwatch that says which phase takes how long; it stands still unless somebody measures.
final class PhaseClock {
    private var totals = [Duration](repeating: .zero, count: Phase.allCases.count)
    private var current: (phase: Phase, since: ContinuousClock.Instant)?

    /// Seconds of each phase since the clock was started.
    var seconds: [Phase: Double] {
        Dictionary(uniqueKeysWithValues: zip(Phase.allCases, totals.map(\.seconds)))
    }

    /// Begins at zero.
    func start() {
        totals = totals.map { _ in .zero }
        current = (.rest, .now)
    }

    /// Stands still.
    func stop() {
        enter(.rest)
        current = nil
    }

    /// Ends the phase under way, which it returns, and begins another.
    @discardableResult func enter(_ phase: Phase) -> Phase {
        guard let (last, since) = current else { return .rest }
        let now = ContinuousClock.now
        totals[Self.index(last)] += now - since
        current = (phase, now)
        return last
    }

    /// Runs `body` as a part of a phase, and goes on with the phase before.
    func measure<R, Failure: Error>(_ phase: Phase, _ body: () throws(Failure) -> R) throws(Failure) -> R {
        let last = enter(phase)
        defer { enter(last) }
        return try body()
    }

    private static func index(_ phase: Phase) -> Int {
        switch phase {
        case .attention: 0
        case .mlp: 1
        case .head: 2
        case .communication: 3
        case .rest: 4
        }
    }
}
