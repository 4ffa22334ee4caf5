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
        if let cut = policy.experts, !blueprint.hasExperts { throw .expertsOfNone(cut) }
        guard policy.way == .sum || policy.wire == .f32 else { throw .wireOfExact(policy.wire) }
    }

    func checkThatNoRankIsIdle() throws(PartitionError) {
        guard let rank = idleRanks.first, let axis = workAxes.first else { return }
        throw .idleRank(
            rank: rank, axis: axis, share: policy.shares[rank], workingRankCount: withoutIdleRanks.rankCount)
    }

    /// Refuses padding that no integers express: zeros in a group whose offset belongs to columns of the slice.
    func checkPadding() throws(PartitionError) {
        guard policy.cutting == .padded else { return }
        for weight in weights {
            guard case .grouped(let grouping) = encoding(of: weight), grouping.hasOffsets else { continue }
            for rank in 0..<rankCount {
                for slice in slices(of: weight, rank: rank)
                where slice.heldColumns > slice.columns.count && !slice.columns.isEmpty
                    && slice.columns.upperBound % grouping.size != 0 {
                    throw .paddedGroup(
                        weight: weight.name, groupSize: grouping.size, rank: rank, columns: slice.columns)
                }
            }
        }
    }

    /// The axes along which ranks share out work, the longest first, of equals the first by kind and layer: the same
    /// order on every rank.
    var workAxes: [Axis] {
        let axes = splits.keys.filter { axis in
            switch axis.kind {
            case .vocabulary, .queryHeads, .keyValueHeads, .mlpWidth, .stateHeads, .coveredHeads: true
            case .experts, .expertWidth, .expertChannels: isShared(axis)
            case .width: policy.way == .gather
            }
        }
        return axes.sorted {
            ($1.count, $0.kind.rawValue, $0.layer ?? -1) < ($0.count, $1.kind.rawValue, $1.layer ?? -1)
        }
    }

    var idleRanks: [Int] {
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
                $0.sharedMemory = []
            }
        }
    }

    /// The same plan, whether it works or not, for another policy.
    func changed(_ change: (inout Policy) -> Void) -> Plan {
        var policy = policy
        change(&policy)
        return Plan(unchecked: blueprint, policy, encodings)
    }
}
