import MPI
import Partition

/// What connects the ranks, pair by pair; those that are not in the pair sleep.
struct LinkProbe {
    let world: Communicator
    let stopwatch: Stopwatch

    private static let longCount = 1 << 20

    /// Measurements that ``measure()`` announces.
    static func measurementCount(ranks: Int) -> Int { ranks * (ranks - 1) / 2 }

    /// Measures every pair; to be called on every rank, in every round.
    func measure() throws(MPIError) {
        for pair in pairs {
            stopwatch.begin("link of ranks \(pair.from) and \(pair.to)")
            var seconds = [0.0, 0.0]
            if world.rank == pair.from || world.rank == pair.to {
                let other = world.rank == pair.from ? pair.to : pair.from
                seconds = [try oneWay(1, with: other), try oneWay(Self.longCount, with: other)]
            }
            try world.barrierPatiently()
            var span = seconds.mutableSpan
            try world.broadcast(&span, from: pair.from)
            stopwatch.windows.add(seconds[0], to: Self.short(pair))
            stopwatch.windows.add(seconds[1], to: Self.long(pair))
        }
    }

    /// What the windows say of every pair.
    var profiles: [LinkProfile] {
        let windows = stopwatch.windows
        return pairs.map { pair in
            let (short, long) = (Self.short(pair), Self.long(pair))
            return LinkProfile(
                from: pair.from, to: pair.to, latencySeconds: windows.median(short),
                bytesPerSecond: Double(Self.longCount * MemoryLayout<Float>.size) / windows.median(long),
                spread: max(windows.spread(short), windows.spread(long)))
        }
    }

    private var pairs: [(from: Int, to: Int)] {
        (0..<world.size).flatMap { from in (from + 1..<max(from + 1, world.size)).map { (from, $0) } }
    }

    private static func short(_ pair: (from: Int, to: Int)) -> String { "latency, ranks \(pair.from) and \(pair.to)" }
    private static func long(_ pair: (from: Int, to: Int)) -> String { "bandwidth, ranks \(pair.from) and \(pair.to)" }

    /// Half the median of the times that a message of so many floats takes there and back.
    private func oneWay(_ count: Int, with other: Int) throws(MPIError) -> Double {
        var values = [Float](repeating: 1, count: count)
        let isFirst = world.rank < other
        func roundTrip() throws(MPIError) -> Double {
            let start = ContinuousClock.now
            if isFirst { try world.send(values.span, to: other) }
            var span = values.mutableSpan
            try world.receive(&span, from: other)
            if !isFirst { try world.send(values.span, to: other) }
            return (ContinuousClock.now - start) / .seconds(1)
        }
        _ = try roundTrip()
        // The first rank says how often.
        var repeats = [Int32(stopwatch.repeats(seconds: try roundTrip()))]
        if isFirst {
            try world.send(repeats.span, to: other)
        } else {
            var span = repeats.mutableSpan
            try world.receive(&span, from: other)
        }
        var times: [Double] = []
        for _ in 0..<repeats[0] { times.append(try roundTrip()) }
        return BenchmarkReport.Spread(times).median / 2
    }
}
