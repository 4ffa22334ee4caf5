import MPI
import Partition

/// What connects the ranks, pair by pair; those that are not in the pair sleep.
struct LinkProbe {
    let world: Communicator
    let stopwatch: Stopwatch

    private static let longCount = 1 << 20

    /// Measurements that ``measure()`` announces.
    static func measurementCount(ranks: Int) -> Int { ranks * (ranks - 1) / 2 }

    /// Measures every pair; to be called on every rank.
    func measure() throws(MPIError) -> [LinkProfile] {
        var links: [LinkProfile] = []
        for from in 0..<world.size {
            for to in from + 1..<world.size {
                stopwatch.begin("link of ranks \(from) and \(to)")
                var seconds = [0.0, 0.0]
                if world.rank == from || world.rank == to {
                    let other = world.rank == from ? to : from
                    seconds = [try oneWay(1, with: other), try oneWay(Self.longCount, with: other)]
                }
                try world.barrierPatiently()
                var span = seconds.mutableSpan
                try world.broadcast(&span, from: from)
                links.append(
                    LinkProfile(
                        from: from, to: to, latencySeconds: seconds[0],
                        bytesPerSecond: Double(Self.longCount * MemoryLayout<Float>.size) / seconds[1]))
            }
        }
        return links
    }

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
