public import Blueprint

extension Plan {
    /// What a rank holds of a weight, in order of members: one slice, but of cut and whole experts one for each run of
    /// those that are cut alike.
    ///
    /// In way gather a last projection is split by the rows of the width axis and keeps all its columns.
    public func slices(of weight: Weight, rank: Int) -> [Slice] { slices(of: weight, Extents(self, rank: rank)) }

    /// What a rank holds of a weight that is cut alike in all its members.
    public func slice(of weight: Weight, rank: Int) -> Slice {
        let slices = slices(of: weight, rank: rank)
        precondition(slices.count == 1, "the members of \(weight.name) are not cut alike")
        return slices[0]
    }

    /// What a rank with these extents holds of a weight.
    func slices(of weight: Weight, _ extents: Extents) -> [Slice] {
        func slice(_ members: Range<Int>, _ extents: Extents) -> Slice {
            var slice = sliceOfMember(weight, extents)
            slice.members = members
            return slice
        }
        guard let members = weight.members else { return [sliceOfMember(weight, extents)] }
        switch weight.distribution {
        case .columns where policy.way == .gather:
            // A last projection that has rows of the width axis has them of every member.
            return [slice(0..<members.count, extents)]
        case .rows(let axis, _), .columns(let axis, _):
            return extents.runs(members, axis).map { slice($0.members, extents.changing(axis, to: $0)) }
        case .replicated:
            return [slice(extents.range(members), extents)]
        }
    }

    /// What a rank holds of the experts of a mixture, in order of experts: one run, or of cut and whole experts up to
    /// three.
    public func runs(of experts: Experts, rank: Int) -> [ExpertRun] { runs(of: experts, Extents(self, rank: rank)) }

    /// The experts that are cut where others are whole, and the channels of each rank that has any.
    public func cutExperts(of experts: Experts) -> [(expert: Int, parts: [(rank: Int, channels: Range<Int>)])] {
        guard self.cut(of: experts) == .mixed else { return [] }
        var cut: [(expert: Int, parts: [(rank: Int, channels: Range<Int>)])] = []
        for rank in 0..<rankCount {
            for run in runs(of: experts, rank: rank) where run.channels.count < experts.axis.count {
                for expert in run.members {
                    if cut.last?.expert != expert { cut.append((expert, [])) }
                    cut[cut.count - 1].parts.append((rank, run.channels))
                }
            }
        }
        return cut
    }

    /// What a rank with these extents holds of the experts of a mixture.
    func runs(of experts: Experts, _ extents: Extents) -> [ExpertRun] {
        extents.runs(experts.memberAxis, experts.axis)
    }

    private func sliceOfMember(_ weight: Weight, _ extents: Extents) -> Slice {
        switch weight.distribution {
        case .replicated:
            return Slice(
                rows: 0..<weight.rows, columns: 0..<weight.columns, heldRows: weight.rows, heldColumns: weight.columns)
        case .rows(let axis, let perUnit):
            return rows(of: weight, axis, perUnit: perUnit, extents)
        case .columns(let axis, let perUnit):
            switch policy.way {
            case .sum:
                return Slice(
                    rows: 0..<weight.rows, columns: extents.range(axis).scaled(by: perUnit),
                    heldRows: weight.rows, heldColumns: extents.heldCount(axis) * perUnit)
            case .gather:
                return rows(of: weight, blueprint.widthAxis, perUnit: 1, extents)
            }
        }
    }

    private func rows(of weight: Weight, _ axis: Axis, perUnit: Int, _ extents: Extents) -> Slice {
        Slice(
            rows: extents.range(axis).scaled(by: perUnit), columns: 0..<weight.columns,
            heldRows: extents.heldCount(axis) * perUnit, heldColumns: weight.columns)
    }

    /// The heads of an attention that a rank computes.
    public func heads(of attention: Attention, rank: Int) -> LocalHeads {
        LocalHeads(
            heads: split(of: attention.queryAxis)[rank], covered: split(of: attention.keyValueAxis)[rank],
            heldHeads: heldCount(attention.queryAxis, rank: rank),
            heldCovered: heldCount(attention.keyValueAxis, rank: rank), groupSize: attention.groupSize)
    }

    /// The heads with states that a rank computes, and those that they read.
    public func heads(of recurrence: Recurrence, rank: Int) -> LocalHeads {
        LocalHeads(
            heads: split(of: recurrence.axis)[rank], covered: split(of: recurrence.coveredAxis)[rank],
            heldHeads: heldCount(recurrence.axis, rank: rank),
            heldCovered: heldCount(recurrence.coveredAxis, rank: rank), groupSize: recurrence.groupSize)
    }

    /// Units of an axis in a rank's memory, padding included.
    public func heldCount(_ axis: Axis, rank: Int) -> Int {
        switch policy.cutting {
        // Whole experts are not padded, nor what is cut beside them: no collective depends on how many they are.
        case .padded where axis.kind != .experts && axis.kind != .expertChannels: split(of: axis).longest
        case .uneven, .padded: split(of: axis)[rank].count
        }
    }

    /// Elements of a token that its chosen experts bring together.
    func gatheredCount(_ experts: Experts) -> Int {
        switch cut(of: experts) {
        case .inside: experts.router.chosenCount * gatheredCount(experts.axis)
        case .whole, .mixed: experts.router.chosenCount * experts.axis.count
        }
    }

    /// How the experts of a mixture are shared out.
    public func cut(of experts: Experts) -> ExpertCut {
        if isShared(experts.channelAxis) { return .mixed }
        return isShared(experts.axis) ? .inside : .whole
    }

    /// Whether ranks own experts, so that what they compute depends on what a token chooses.
    public var hasOwnedExperts: Bool { rankCount > 1 && mixtures.contains { cut(of: $0) != .inside } }

    /// Whether ranks have different ranges of an axis; of the axes of experts the others are whole on every rank, or
    /// not dealt at all.
    func isShared(_ axis: Axis) -> Bool {
        guard let split = splits[axis] else { return false }
        return rankCount == 1 ? axis.kind != .experts : split.ranges.contains { $0 != 0..<axis.count }
    }

    /// The axis of experts that ranks share out.
    func sharedAxis(_ experts: Experts) -> Axis {
        switch cut(of: experts) {
        case .inside: experts.axis
        case .whole: experts.memberAxis
        case .mixed: experts.channelAxis
        }
    }

    /// Units of an axis in the memory of all ranks, padding included: the length of what a gather brings together.
    func gatheredCount(_ axis: Axis) -> Int {
        switch policy.cutting {
        case .uneven: split(of: axis).ranges.reduce(0) { $0 + $1.count }
        case .padded: rankCount * split(of: axis).longest
        }
    }
}

extension Range<Int> {
    /// The elements of a range of units.
    func scaled(by perUnit: Int) -> Range<Int> { lowerBound * perUnit..<upperBound * perUnit }
}
