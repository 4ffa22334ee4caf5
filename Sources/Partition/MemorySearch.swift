import Blueprint

/// Looks for shares with which every rank of a plan fits in its memory.
///
/// What a rank holds is what every rank holds (replicated weights, buffers) and a part that grows with its share, in
/// steps of whole units; so the search begins with the memory that is left for that part, then moves shares from ranks
/// that hold too much to those with room, until all fit or no move helps.
struct MemorySearch {
    private let plan: Plan
    private let capacities: [Double]  // [ranks]
    private var triesLeft: Int

    /// A search for other shares of `plan`.
    ///
    /// - Parameter tries: plans that are made at the most.
    init(_ plan: Plan, tries: Int = 300) {
        self.plan = plan.changed { $0.counts = [:] }
        triesLeft = tries
        capacities = plan.capacities
    }

    /// The first shares that fit: those in proportion to memory, in round numbers if such fit, or else others.
    mutating func shares() -> [Double]? {
        guard plan.rankCount > 1, plan.policy.hasMemoryLimits, capacities.allSatisfy({ $0 > 0 }) else { return nil }
        let left = zip(capacities, fixedByteCounts).map { max($0 - $1, 1) }
        for start in [capacities, left] {
            if let round = Self.round(start).first(where: { excess($0) == 0 }) { return round }
        }
        // Where all ranks together lack memory, no shares help.
        guard isPossible else { return nil }
        var random = SplitMix(seed: 1)
        while triesLeft > 0 {
            if let found = moved(left.map { $0 * random.factor() }) {
                return Self.round(found).first { excess($0) == 0 } ?? found
            }
        }
        return nil
    }

    /// What each rank would hold with next to no share.
    private var fixedByteCounts: [Double] {
        (0..<plan.rankCount).map { rank in
            let small = plan.changed { policy in policy.shares[rank] = (policy.shares.max() ?? 1) * 1e-9 }
            return Double(small.holdings(rank: rank).peakByteCount)
        }
    }

    /// Whether all ranks together have the memory for one copy of the weights and of the cache.
    private var isPossible: Bool {
        let alone = plan.changed { policy in
            (policy.shares, policy.memoryByteCounts, policy.sharedMemory) = ([1], nil, [])
        }
        let byteCount = plan.weights.reduce(0) { total, weight in
            let rows = weight.memberCount * weight.rows
            return total + plan.encoding(of: weight).fileByteCount(rows: rows, columns: 0..<weight.columns)
        }
        return capacities.reduce(0, +) >= Double(byteCount) + Double(alone.holdings(rank: 0).cacheByteCount)
    }

    /// Bytes that ranks lack together; infinite where a rank has nothing to do.
    private mutating func excess(_ shares: [Double]) -> Double { balances(shares).reduce(0) { $0 + max(0, $1) } }

    /// Bytes that each rank lacks, below zero those that it has left.
    private mutating func balances(_ shares: [Double]) -> [Double] {
        triesLeft -= 1
        let tried = plan.changed { $0.shares = shares }
        guard tried.idleRanks.isEmpty else { return shares.map { _ in .infinity } }
        let peaks = tried.peakByteCounts
        return zip(peaks, tried.memoryLimits(peaks)).map { Double($0) - Double($1 ?? Plan.unlimitedByteCount) }
    }

    /// Moves parts of shares from the rank that lacks most to those that have most left, as long as that helps.
    private mutating func moved(_ start: [Double]) -> [Double]? {
        let sum = start.reduce(0, +)
        var shares = start.map { $0 / sum }
        var balance = balances(shares)
        while triesLeft > 0 {
            let lacking = balance.reduce(0) { $0 + max(0, $1) }
            if lacking == 0 { return shares }
            guard let (better, itsBalance) = improved(shares, balance, lacking) else { return nil }
            (shares, balance) = (better, itsBalance)
        }
        return nil
    }

    private mutating func improved(
        _ shares: [Double], _ balance: [Double], _ lacking: Double
    ) -> (shares: [Double], balance: [Double])? {
        guard lacking.isFinite, let worst = balance.indices.max(by: { balance[$0] < balance[$1] }) else { return nil }
        let takers = balance.indices.filter { $0 != worst }.sorted { balance[$0] < balance[$1] }
        for part in [0.02, 0.08, 0.005, 0.25, 0.5] {
            for taker in takers {
                var tried = shares
                tried[worst] -= shares[worst] * part
                tried[taker] += shares[worst] * part
                let found = balances(tried)
                if found.reduce(0, { $0 + max(0, $1) }) < lacking { return (tried, found) }
                if triesLeft <= 0 { return nil }
            }
        }
        return nil
    }

    /// The same ratios, as they are where they are short, or else from round numbers to exact ones.
    private static func round(_ shares: [Double]) -> [[Double]] {
        let largest = shares.max() ?? 1
        func scaled(_ scale: Int) -> [Double] {
            shares.map { max(1, ($0 / largest * Double(scale)).rounded()) }
        }
        let exact = (1...100).lazy.map(scaled).first { candidate in
            zip(candidate, shares).allSatisfy { ($0 / (candidate.max() ?? 1) - $1 / largest).magnitude < 1e-9 }
        }
        return exact.map { [$0] } ?? [100, 1000].map(scaled) + [shares]
    }
}
