import MPI
import Partition

/// What collectives cost among the first 2, 3, ... ranks; the others sleep meanwhile.
struct CollectiveProbe {
    let world: Communicator
    let stopwatch: Stopwatch
    /// What this rank does before each collective of ranks that have cores of their own; nil where there are no others.
    private let stage: StageReading?
    /// The first 2, 3, ... ranks.
    private let groups: [Group]
    /// Where ranks of the job share cores: a rank and another that have cores of their own.
    private let pairs: [Pair]

    /// Ranks that are measured together, while the rest sleeps.
    private struct Group {
        private(set) var name: String
        let ranks: [Int]
        /// Whether each reads memory before every collective; not where they may have to share cores: what one reads
        /// would be counted as what the others wait for.
        private(set) var hasStages: Bool
        /// What they exchange by; nil on the rest.
        let communicator: Communicator?

        /// To be called on every rank.
        init(_ name: String, _ ranks: [Int], hasStages: Bool, of world: Communicator) throws(MPIError) {
            let isIn = ranks.contains(world.rank)
            let part = try world.split(color: isIn ? 0 : 1, key: world.rank)
            (self.name, self.ranks, self.hasStages, communicator) = (name, ranks, hasStages, isIn ? part : nil)
        }

        /// The same ranks, after stages.
        var afterStages: Group {
            var group = self
            (group.name, group.hasStages) = ("\(name) after stages", true)
            return group
        }
    }

    /// Two ranks that have cores of their own.
    private struct Pair {
        /// Again and again.
        let alone: Group
        /// After stages; nil where all threads of both, which read then, would have to take turns.
        let afterStages: Group?
    }

    // No message takes less.
    private static let leastSeconds = 1e-7
    private static let byteCounts = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20]
    /// What stages add to collectives of pairs is measured for so many bytes, and that of more taken to be the same.
    private static let coldByteCounts = byteCounts.filter { $0 <= 256 << 10 }

    /// Measurements that ``measure()`` announces.
    var measurementCount: Int { measurements.count * CollectiveProfile.Operation.allCases.count }

    /// What is measured of every operation; both of a pair are next to each other, and are compared within each round,
    /// as links drift.
    private var measurements: [(group: Group, byteCounts: [Int])] {
        groups.map { ($0, Self.byteCounts) }
            + pairs.flatMap { pair in
                [(pair.alone, Self.byteCounts)] + (pair.afterStages.map { [($0, Self.coldByteCounts)] } ?? [])
            }
    }

    /// To be called on every rank.
    ///
    /// - Parameters:
    ///   - threads: of this rank.
    ///   - sharesCores: whether any rank of the job shares its cores.
    ///   - stage: what this rank does before each collective; nil where it is the only one.
    init(
        world: Communicator, stopwatch: Stopwatch, threads: Int, sharesCores: Bool, stage: StageReading?
    ) throws(MPIError) {
        (self.world, self.stopwatch, self.stage) = (world, stopwatch, stage)
        var groups: [Group] = []
        for count in 2..<max(2, world.size + 1) {
            groups.append(try Group("\(count) ranks", Array(0..<count), hasStages: !sharesCores, of: world))
        }
        self.groups = groups
        pairs = sharesCores ? try Self.pairs(world, threads: threads) : []
    }

    /// Pairs of the first rank that is in any.
    private static func pairs(_ world: Communicator, threads: Int) throws(MPIError) -> [Pair] {
        func table(threads: Int) throws(MPIError) -> [[Bool]] {
            let others = try world.ranksOnOtherCores(threads: threads).map { $0 ? "1" : "0" }.joined()
            return try world.gatherStrings(others).map { $0.map { $0 == "1" } }
        }
        // Who exchanges is one thread, and who reads all threads.
        let (exchanging, reading) = (try table(threads: 1), try table(threads: threads))
        guard let from = exchanging.firstIndex(where: { $0.contains(true) }) else { return [] }
        var pairs: [Pair] = []
        for to in exchanging.indices where exchanging[from][to] {
            let alone = try Group("a pair with rank \(to)", [from, to], hasStages: false, of: world)
            // Long sums of more ranks are rounds of MPI's; two of these ranks alone would be faster than is said then.
            alone.communicator?.longestSharedSum = world.longestSharedSum
            pairs.append(Pair(alone: alone, afterStages: reading[from][to] ? alone.afterStages : nil))
        }
        return pairs
    }

    /// Measures every operation; to be called on every rank, in every round.
    func measure() throws(MPIError) {
        for operation in CollectiveProfile.Operation.allCases {
            for (group, byteCounts) in measurements { try measure(operation, group, byteCounts) }
        }
    }

    private func measure(
        _ operation: CollectiveProfile.Operation, _ group: Group, _ byteCounts: [Int]
    ) throws(MPIError) {
        stopwatch.begin("\(operation.rawValue) of \(group.name)")
        var seconds = [Double](repeating: 0, count: byteCounts.count)
        if let communicator = group.communicator {
            for (index, byteCount) in byteCounts.enumerated() {
                seconds[index] = try median(
                    operation, byteCount: byteCount, in: communicator, group.hasStages ? stage : nil)
            }
        }
        try world.barrierPatiently()
        var span = seconds.mutableSpan
        try world.broadcast(&span, from: group.ranks[0])
        for (byteCount, seconds) in zip(byteCounts, seconds) {
            stopwatch.windows.add(seconds, to: Self.name(operation, group, byteCount))
        }
    }

    private static func name(_ operation: CollectiveProfile.Operation, _ group: Group, _ byteCount: Int) -> String {
        "\(operation.rawValue) of \(group.name), \(byteCount) bytes"
    }

    /// What the windows say of every operation.
    var profiles: [CollectiveProfile] {
        let rounds = rounds
        return groups.flatMap { group in
            CollectiveProfile.Operation.allCases.map { operation in
                var profile = profile(operation, group)
                profile.computedPoints = rounds.map { rounds in
                    Self.byteCounts.map { byteCount in
                        let seconds = rounds.seconds(operation, rankCount: group.ranks.count, byteCount: byteCount)
                        return CollectiveProfile.Point(byteCount: byteCount, seconds: seconds)
                    }
                }
                return profile
            }
        }
    }

    private func seconds(_ operation: CollectiveProfile.Operation, _ group: Group, _ byteCount: Int) -> Double {
        stopwatch.windows.median(Self.name(operation, group, byteCount))
    }

    private func profile(_ operation: CollectiveProfile.Operation, _ group: Group) -> CollectiveProfile {
        let names = Self.byteCounts.map { Self.name(operation, group, $0) }
        let points = Self.byteCounts.map { byteCount in
            CollectiveProfile.Point(byteCount: byteCount, seconds: seconds(operation, group, byteCount))
        }
        return CollectiveProfile(
            operation, rankCount: group.ranks.count, spread: names.map(stopwatch.windows.spread).max() ?? 0, points)
    }

    /// By the slowest pair of every operation and size, for which a round waits, and by the one to which a stage adds
    /// most; nil without a pair.
    private var rounds: Rounds? {
        guard !pairs.isEmpty else { return nil }
        return Rounds(
            pairs: CollectiveProfile.Operation.allCases.map { operation in
                let slowest = Self.byteCounts.map { byteCount in
                    CollectiveProfile.Point(
                        byteCount: byteCount,
                        seconds: pairs.map { seconds(operation, $0.alone, byteCount) }.max() ?? 0)
                }
                return CollectiveProfile(operation, rankCount: 2, slowest)
            }
        ) { operation, byteCount in
            let cold = Self.coldByteCounts.last { $0 <= byteCount } ?? Self.coldByteCounts[0]
            let added = pairs.compactMap { pair in
                pair.afterStages.map { afterStages in
                    stopwatch.windows.medianDifference(
                        Self.name(operation, afterStages, cold), Self.name(operation, pair.alone, cold))
                }
            }
            return max(0, added.max() ?? 0)
        }
    }

    /// What a collective adds to the slowest rank's stage before it, the median.
    ///
    /// As in a model every rank reads memory before each, and little of what MPI and the system need is in caches then.
    /// What waits for every rank runs again and again without barriers, so that in the mean over the ranks stages and
    /// collectives follow each other without a gap: from a barrier, which ranks leave one after the other, the time
    /// would hold the wait for the last one too. The root of a broadcast waits for nobody, and what it sends arrives
    /// during another rank's stage: each starts at a barrier after the stages, and the slowest rank's time counts.
    private func median(
        _ operation: CollectiveProfile.Operation, byteCount: Int, in group: Communicator, _ stage: StageReading?
    ) throws(MPIError) -> Double {
        let startsAtBarrier = operation == .broadcast
        let count = byteCount / MemoryLayout<Float>.size
        let parts = Parts(uneven: count, ranks: group.size)
        // Zeros stay what they are, however often they are summed.
        var whole = [Float](repeating: 0, count: count)
        var part = [Float](repeating: 0, count: parts.counts[group.rank])
        func once() throws(MPIError) -> (stage: Double, exchange: Double) {
            var span = whole.mutableSpan
            var partSpan = part.mutableSpan
            let reading = ContinuousClock().measure { stage?.read() } / .seconds(1)
            if startsAtBarrier { try group.barrier() }
            let start = ContinuousClock.now
            switch operation {
            case .allReduce: try group.allReduce(&span, .sum)
            case .allGather: try group.allGather(inPlace: &span, parts: parts)
            case .reduceScatter: try group.reduceScatter(span.span, into: &partSpan, parts: parts, .sum)
            case .broadcast: try group.broadcast(&span, from: 0)
            }
            return (reading, (ContinuousClock.now - start) / .seconds(1))
        }
        _ = try once()
        // Rank 0 says how often.
        let trial = try once()
        var repeats = [Int32(stopwatch.repeats(seconds: trial.stage + trial.exchange))]
        var number = repeats.mutableSpan
        try group.broadcast(&number, from: 0)
        var (stages, times) = ([Double](), [Double]())
        for _ in 0..<repeats[0] {
            let (stage, exchange) = try once()
            let counted = startsAtBarrier ? 0 : stage
            stages.append(counted)
            times.append(counted + exchange)
        }
        var stageSpan = stages.mutableSpan
        var timeSpan = times.mutableSpan
        try group.allReduce(&stageSpan, .maximum)
        try group.allReduce(&timeSpan, startsAtBarrier ? .maximum : .sum)
        let sharers = startsAtBarrier ? 1 : Double(group.size)
        return max(Self.leastSeconds, BenchmarkReport.Spread(zip(times, stages).map { $0 / sharers - $1 }).median)
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
