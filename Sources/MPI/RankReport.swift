/// What a rank is about, as its program marked it.
package enum RankState: Int, Sendable {
    /// It waits for something outside of the job, for as long as that takes.
    case idle
    /// It must show progress.
    case working
    /// It has come to its end.
    case finished
}

/// A watchdog's answer to a roll call.
package struct RankReport: Sendable, Equatable {
    /// What it is about.
    package let state: RankState

    /// It is inside a collective.
    package let isWaiting: Bool

    /// The number of collectives that it has come to.
    package let arrived: Int

    /// The seconds since it last made progress or was idle.
    package let age: Double

    /// An answer of these parts; `age` in seconds.
    package init(state: RankState, isWaiting: Bool, arrived: Int, age: Double) {
        self.state = state
        self.isWaiting = isWaiting
        self.arrived = arrived
        self.age = age
    }
}

extension RankReport {
    /// As numbers for a message.
    var words: [Int64] {
        [Int64(state.rawValue), isWaiting ? 1 : 0, Int64(arrived), Int64(age * 1000)]
    }

    init?(words: some Collection<Int64>) {
        let words = Array(words)
        guard words.count == 4, let state = RankState(rawValue: Int(words[0])) else { return nil }
        self.init(state: state, isWaiting: words[1] != 0, arrived: Int(words[2]), age: Double(words[3]) / 1000)
    }
}
