import MPI
import Partition

/// What collectives cost among the first 2, 3, ... ranks; the others sleep meanwhile.
struct CollectiveProbe {
    let world: Communicator
    let stopwatch: Stopwatch

    private static let byteCounts = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20]

    /// Measurements that ``measure()`` announces.
    static func measurementCount(ranks: Int) -> Int {
        (ranks - 1) * CollectiveProfile.Operation.allCases.count
    }

    /// Measures every operation; to be called on every rank.
    func measure() throws(MPIError) -> [CollectiveProfile] {
        var profiles: [CollectiveProfile] = []
        for count in 2..<max(2, world.size + 1) {
            let group = try world.split(color: world.rank < count ? 0 : 1, key: world.rank)
            for operation in CollectiveProfile.Operation.allCases {
                stopwatch.begin("\(operation.rawValue) of \(count) ranks")
                var seconds = [Double](repeating: 0, count: Self.byteCounts.count)
                if world.rank < count {
                    for (index, byteCount) in Self.byteCounts.enumerated() {
                        seconds[index] = try median(operation, byteCount: byteCount, in: group)
                    }
                }
                try world.barrierPatiently()
                var span = seconds.mutableSpan
                try world.broadcast(&span, from: 0)
                profiles.append(CollectiveProfile(operation, rankCount: count, Self.byteCounts, seconds))
            }
        }
        return profiles
    }

    /// The median of the times, each that of the slowest rank.
    private func median(
        _ operation: CollectiveProfile.Operation, byteCount: Int, in group: Communicator
    ) throws(MPIError) -> Double {
        let count = byteCount / MemoryLayout<Float>.size
        let parts = Parts(uneven: count, ranks: group.size)
        // Zeros stay what they are, however often they are summed.
        var whole = [Float](repeating: 0, count: count)
        var part = [Float](repeating: 0, count: parts.counts[group.rank])
        func once() throws(MPIError) -> Double {
            var span = whole.mutableSpan
            var partSpan = part.mutableSpan
            try group.barrier()
            let start = ContinuousClock.now
            switch operation {
            case .allReduce: try group.allReduce(&span, .sum)
            case .allGather: try group.allGather(inPlace: &span, parts: parts)
            case .reduceScatter: try group.reduceScatter(span.span, into: &partSpan, parts: parts, .sum)
            case .broadcast: try group.broadcast(&span, from: 0)
            }
            return (ContinuousClock.now - start) / .seconds(1)
        }
        _ = try once()
        // Rank 0 says how often.
        var repeats = [Int32(stopwatch.repeats(seconds: try once()))]
        var number = repeats.mutableSpan
        try group.broadcast(&number, from: 0)
        var times: [Double] = []
        for _ in 0..<repeats[0] { times.append(try once()) }
        var span = times.mutableSpan
        try group.allReduce(&span, .maximum)
        return BenchmarkReport.Spread(times).median
    }
}

extension Parts {
    /// Parts of about 1 : 2 : 3 : ... of a vector.
    fileprivate init(uneven count: Int, ranks: Int) {
        let sum = ranks * (ranks + 1) / 2
        let borders = (0...ranks).map { count * ($0 * ($0 + 1) / 2) / sum }
        self.init(counts: (0..<ranks).map { borders[$0 + 1] - borders[$0] })
    }
}

extension CollectiveProfile {
    /// The line through medians.
    init(_ operation: Operation, rankCount: Int, _ byteCounts: [Int], _ seconds: [Double]) {
        let line = LineFit(zip(byteCounts, seconds).map { (Double($0), $1) })
        self.init(
            operation: operation, rankCount: rankCount, latencySeconds: line.intercept, bytesPerSecond: 1 / line.slope,
            fitError: line.error, points: zip(byteCounts, seconds).map { Point(byteCount: $0, seconds: $1) })
    }
}
