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
        guard policy.way == .sum || policy.wire == .f32 else { throw .wireOfExact(policy.wire) }
    }

    func checkThatNoRankIsIdle() throws(PartitionError) {
        guard let rank = idleRanks.first, let axis = workAxes.first else { return }
        throw .idleRank(
            rank: rank, axis: axis, share: policy.shares[rank], workingRankCount: withoutIdleRanks.rankCount)
    }

    /// The axes along which ranks share out work, the longest first, of equals the first by kind and layer: the same
    /// order on every rank.
    private var workAxes: [Axis] {
        let axes = splits.keys.filter { axis in
            switch axis.kind {
            case .vocabulary, .queryHeads, .keyValueHeads, .mlpWidth: true
            case .width: policy.way == .gather
            }
        }
        return axes.sorted {
            ($1.count, $0.kind.rawValue, $0.layer ?? -1) < ($0.count, $1.kind.rawValue, $1.layer ?? -1)
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
            plan = plan.changed {
                $0.shares = $0.shares.enumerated().filter { !idle.contains($0.offset) }.map(\.element)
                $0.memoryByteCounts = nil
            }
        }
    }

    func checkMemory() throws(PartitionError) {
        guard let (rank, limit) = firstRankOverItsLimit, let axis = workAxes.first else { return }
        var shortage = MemoryShortage(
            rank: rank, needed: holdings(rank: rank), limit: limit, axis: axis, range: split(of: axis)[rank],
            longestContext: longestFittingContext, fittingShares: fittingShares(context: policy.context))
        if shortage.longestContext == nil, shortage.fittingShares == nil, let shares = fittingShares(context: 1) {
            let plan = changed { $0.shares = shares }
            shortage.fittingBoth = plan.longestFittingContext.map { MemoryShortage.Both(shares: shares, context: $0) }
        }
        throw .memory(shortage)
    }

    private var firstRankOverItsLimit: (rank: Int, limit: Int)? {
        guard let limits = policy.memoryByteCounts else { return nil }
        return limits.enumerated().lazy.map { ($0.offset, $0.element) }
            .first { holdings(rank: $0.0).peakByteCount > $0.1 }
    }

    /// The same plan, whether it works or not, for another policy.
    private func changed(_ change: (inout Policy) -> Void) -> Plan {
        var policy = policy
        change(&policy)
        return Plan(unchecked: blueprint, policy, encodings)
    }

    /// The longest context below the one asked for that fits with the same shares, found by trying.
    private var longestFittingContext: Int? {
        func fits(_ context: Int) -> Bool { changed { $0.context = context }.firstRankOverItsLimit == nil }
        guard fits(1) else { return nil }
        var (longest, tooLong) = (1, policy.context)
        while tooLong - longest > 1 {
            let middle = longest + (tooLong - longest) / 2
            if fits(middle) { longest = middle } else { tooLong = middle }
        }
        return longest
    }

    /// The roundest shares in proportion to memory with which a plan fits, found by trying.
    private func fittingShares(context: Int) -> [Double]? {
        guard let limits = policy.memoryByteCounts, let largest = limits.max(), limits.allSatisfy({ $0 > 0 }) else {
            return nil
        }
        return [4, 10, 20, 50, 100, 1000].lazy
            .map { scale in limits.map { max(1, (Double($0) / Double(largest) * scale).rounded()) } }
            .first { shares in
                let plan = changed {
                    $0.shares = shares
                    $0.context = context
                }
                return plan.firstRankOverItsLimit == nil && plan.idleRanks.isEmpty
            }
    }
}
