import Blueprint

extension Plan {
    static func check(_ policy: Policy, _ blueprint: Blueprint) throws(PartitionError) {
        try Policy.check(policy.shares)
        if let limits = policy.memoryByteCounts, limits.count != policy.shares.count {
            throw .memoryCount(expected: policy.shares.count, found: limits.count)
        }
        guard (1...blueprint.maximumContext).contains(policy.context) else {
            throw .context(found: policy.context, longest: blueprint.maximumContext)
        }
        guard policy.chunk > 0 else { throw .chunk(found: policy.chunk) }
    }

    func checkThatNoRankIsIdle() throws(PartitionError) {
        guard let rank = idleRanks.first, let axis = workAxes.max(by: { $0.count < $1.count }) else { return }
        throw .idleRank(
            rank: rank, axis: axis, share: policy.shares[rank], workingRankCount: withoutIdleRanks.rankCount)
    }

    /// The axes along which ranks share out work.
    private var workAxes: [Axis] {
        splits.keys.filter { axis in
            switch axis.kind {
            case .vocabulary, .queryHeads, .keyValueHeads, .mlpWidth: true
            case .width: policy.way == .gather
            }
        }
    }

    private var idleRanks: [Int] {
        let axes = workAxes
        return (0..<rankCount).filter { rank in axes.allSatisfy { split(of: $0)[rank].isEmpty } }
    }

    /// The plan that leaves out the ranks that have nothing to do.
    private var withoutIdleRanks: Plan {
        var plan = self
        while true {
            let idle = plan.idleRanks
            guard !idle.isEmpty else { return plan }
            var policy = plan.policy
            policy.shares = policy.shares.enumerated().filter { !idle.contains($0.offset) }.map(\.element)
            policy.memoryByteCounts = nil
            plan = Plan(unchecked: blueprint, policy, encodings)
        }
    }

    func checkMemory() throws(PartitionError) {
        guard let (rank, limit) = firstRankOverItsLimit else { return }
        let axes = workAxes.sorted { ($0.count, $1.description) > ($1.count, $0.description) }
        guard let axis = axes.first else { return }
        throw .memory(
            rank: rank, needed: holdings(rank: rank), limit: limit, largestAxis: axis,
            range: split(of: axis)[rank], longestContext: longestFittingContext, fittingShares: fittingShares)
    }

    private var firstRankOverItsLimit: (rank: Int, limit: Int)? {
        guard let limits = policy.memoryByteCounts else { return nil }
        return limits.enumerated().lazy.map { ($0.offset, $0.element) }
            .first { holdings(rank: $0.0).peakByteCount > $0.1 }
    }

    /// The longest context below the one asked for that fits with the same shares, found by trying.
    private var longestFittingContext: Int? {
        func fits(_ context: Int) -> Bool {
            var policy = policy
            policy.context = context
            return Plan(unchecked: blueprint, policy, encodings).firstRankOverItsLimit == nil
        }
        guard fits(1) else { return nil }
        var (longest, tooLong) = (1, policy.context)
        while tooLong - longest > 1 {
            let middle = longest + (tooLong - longest) / 2
            if fits(middle) { longest = middle } else { tooLong = middle }
        }
        return longest
    }

    /// Shares in proportion to memory, where a plan with them fits.
    private var fittingShares: [Double]? {
        guard let limits = policy.memoryByteCounts, limits.allSatisfy({ $0 > 0 }) else { return nil }
        var policy = policy
        policy.shares = Self.roundedShares(limits)
        let plan = Plan(unchecked: blueprint, policy, encodings)
        return plan.firstRankOverItsLimit == nil && plan.idleRanks.isEmpty ? policy.shares : nil
    }

    /// Limits in units that leave the largest three digits, so that people can copy them.
    private static func roundedShares(_ limits: [Int]) -> [Double] {
        let largest = Double(limits.max() ?? 1)
        return limits.map { max(1, (Double($0) / largest * 999).rounded()) }
    }
}
