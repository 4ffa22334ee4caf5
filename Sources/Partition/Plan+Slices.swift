public import Blueprint

extension Plan {
    /// The part of a weight that a rank holds.
    ///
    /// In way gather a last projection is split by the rows of the width axis and keeps all its columns.
    public func slice(of weight: Weight, rank: Int) -> Slice { slice(of: weight, Extents(self, rank: rank)) }

    /// The part of a weight that a rank with these extents holds.
    func slice(of weight: Weight, _ extents: Extents) -> Slice {
        var slice = sliceOfMember(weight, extents)
        if let members = weight.members {
            // A last projection that has rows of the width axis has them of every member.
            slice.members = isCutByWidth(weight) ? 0..<members.count : extents.range(members)
        }
        return slice
    }

    /// Whether a last projection is split by rows, because its inputs are gathered.
    private func isCutByWidth(_ weight: Weight) -> Bool {
        if case .columns = weight.distribution { policy.way == .gather } else { false }
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
        // Whole experts are not padded: no collective depends on their number.
        case .padded where axis.kind != .experts: split(of: axis).longest
        case .uneven, .padded: split(of: axis)[rank].count
        }
    }

    /// Elements of a token that its chosen experts bring together.
    func gatheredCount(_ experts: Experts) -> Int {
        switch cut(of: experts) {
        case .inside: experts.router.chosenCount * gatheredCount(experts.axis)
        case .whole: experts.router.chosenCount * experts.axis.count
        }
    }

    /// How the experts of a mixture are shared out.
    public func cut(of experts: Experts) -> ExpertCut {
        isShared(experts.axis) ? .inside : .whole
    }

    /// Whether ranks have different ranges of an axis; of a mixture one of two axes is whole on every rank.
    func isShared(_ axis: Axis) -> Bool {
        rankCount == 1 ? axis.kind != .experts : split(of: axis).ranges.contains { $0 != 0..<axis.count }
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
