/// Measures the time in which this process could run.
///
/// A process that was stopped and continued, with its whole job or with its machine, must not take the pause for a
/// hang.
struct AwakeClock {
    private var last = ContinuousClock.now
    private let longestStep = 1.0

    /// The seconds since the last call, of which a pause counts as one.
    mutating func advance() -> Double {
        let now = ContinuousClock.now
        let elapsed = (now - last) / .seconds(1)
        last = now
        return min(elapsed, longestStep)
    }
}
