import Blueprint

extension Plan {
    /// What a user should know about the plan, in sentences.
    public var remarks: [String] {
        guard rankCount > 1 else { return [] }
        return (memoryRemark.map { [$0] } ?? []) + plannedRemarks + headDealings.flatMap(remarks) + expertRemarks
            + borderRemarks + blockRemarks + emptyRemarks + shareRemarks + paddingRemarks
    }

    /// Where axes are cut that a planner shares out.
    private var plannedRemarks: [String] {
        guard !policy.counts.isEmpty else { return [] }
        let places = representativeAxes.filter { policy.counts[$0] != nil }.map { axis in
            "\(name(axis)) \(Figure.list(split(of: axis).counts))"
        }
        return ["shared out so that the predicted token is the fastest: " + places.joined(separator: "; ")]
            + headRepetitions(of: attentions.filter { policy.counts[$0.queryAxis] != nil })
    }

    private func headRepetitions(of planned: [Attention]) -> [String] {
        var layers: [Split: (first: Attention, count: Int)] = [:]
        for attention in planned {
            let split = split(of: attention.keyValueAxis)
            layers[split] = (layers[split]?.first ?? attention, (layers[split]?.count ?? 0) + 1)
        }
        return layers.sorted { $0.value.first.keyValueAxis.layer ?? 0 < $1.value.first.keyValueAxis.layer ?? 0 }
            .compactMap { split, place in
                repetitionRemark(
                    split, heads: place.first.keyValueHeads, place.first, layerCount: place.count)
            }
    }

    private func remarks(_ dealing: HeadDealing, _ heads: [CutHeads]) -> [String] {
        guard dealing.shape.heads > dealing.shape.coveredHeads else { return [] }
        guard dealing.shape.kind == .queryHeads else { return [stateRemark(dealing, heads.count)].compactMap { $0 } }
        let repetition = attentions.first { $0.queryAxis == heads[0].axis }.flatMap { attention in
            repetitionRemark(
                dealing.covered, heads: dealing.shape.coveredHeads, attention, layerCount: heads.count)
        }
        return [cutRemark(dealing, heads.count), repetition].compactMap { $0 }
    }

    /// How heads with states are cut.
    private func stateRemark(_ dealing: HeadDealing, _ layerCount: Int) -> String {
        let repeated = dealing.covered.repeatedUnitCount
        return "state heads (\(Figure.layers(layerCount))): "
            + "\(Figure.list(dealing.heads.counts)) of \(dealing.shape.heads)"
            + (repeated == 0
                ? ", cut between the groups that read one of \(dealing.shape.coveredHeads) covered heads"
                : ", cut inside groups: the ranks hold \(dealing.shape.coveredHeads + repeated) covered heads for the "
                    + "model's \(dealing.shape.coveredHeads)")
    }

    private func cutRemark(_ dealing: HeadDealing, _ layerCount: Int) -> String {
        let place = "attention (\(Figure.layers(layerCount))): "
        let anywhere = "\(Figure.list(dealing.anywhere.counts)) heads"
        let onBorders = "\(Figure.list(dealing.onBorders.counts)) heads"
        guard dealing.anywhere.counts != dealing.onBorders.counts else {
            return place + "query heads are cut on the borders of key-value groups, the best place anyway (\(anywhere))"
        }
        let withAnywhere = "with \(anywhere) \(cost(dealing.anywhereSlowest))"
        let withBorders = "with \(onBorders) \(cost(dealing.onBordersSlowest))"
        return place
            + (dealing.cutsAnywhere
                ? "query heads are cut anywhere, not on the borders of key-value groups only: "
                : "query heads are cut on the borders of key-value groups, not anywhere: ")
            + (dealing.cutsAnywhere ? "\(withAnywhere), \(withBorders)" : "\(withBorders), \(withAnywhere)")
            + " (bytes read per token and layer at context \(policy.context))"
    }

    private func cost(_ slowest: HeadDealing.Slowest) -> String {
        "rank \(slowest.rank) is the slowest, \(Figure.bytes(slowest.byteCount)) for its share of "
            + Figure.percent(shareAsked(rank: slowest.rank))
    }

    private func repetitionRemark(
        _ keyValues: Split, heads: Int, _ attention: Attention, layerCount: Int
    ) -> String? {
        let repeated = keyValues.repeatedUnitCount
        guard repeated > 0 else { return nil }
        let cache = policy.cache.memoryByteCount(
            heads: 1, positions: cachedPositions(attention), headSize: attention.headSize)
        let place = layerCount == 1 ? "in 1 layer" : "in each of \(layerCount) layers"
        return "key-value heads: \(place) the ranks hold \(heads + repeated) for the model's \(heads), "
            + "because ranks that meet inside a group hold the same one "
            + "(\(Figure.bytes(repeated * layerCount * cache)) more cache)"
    }

    private var blockRemarks: [String] {
        let widths = mlps.map(CutWidth.init) + mixtures.map(cutWidth)
        // Cut on the borders of groups, or so that blocks would fall elsewhere in every expert: blocks were not tried.
        let withoutBlocks = widths.filter { width in
            let shape = WidthDealing.Shape(width, policy, encodings)
            return shape.grouping != nil || shape.block == 1
        }.map(\.axis)
        let axes = representativeAxes.filter {
            ![.queryHeads, .experts, .stateHeads].contains($0.kind) && !withoutBlocks.contains($0)
        }
        let inBlocks = axes.filter { axis in
            split(of: axis).ranges.allSatisfy {
                $0.upperBound.isMultiple(of: Self.rowBlock) || $0.upperBound == axis.count
            }
        }
        let others = axes.filter { !inBlocks.contains($0) }
        let block = "multiples of \(Self.rowBlock)"
        return (inBlocks.isEmpty ? [] : ["\(names(inBlocks)): dealt in \(block)"])
            + (others.isEmpty ? [] : ["\(names(others)): not in \(block), which would be 1 % slower or more"])
    }

    private var emptyRemarks: [String] {
        representativeAxes.compactMap { axis in
            let ranks = (0..<rankCount).filter { split(of: axis)[$0].isEmpty }
            guard !ranks.isEmpty else { return nil }
            return "\(name(axis)): \(ranks.count == 1 ? "rank" : "ranks") \(Figure.list(ranks)) of \(rankCount) "
                + "\(ranks.count == 1 ? "holds" : "hold") none of \(axis.count)"
        }
    }

    private var shareRemarks: [String] {
        let sharesReached = sharesReached
        return (0..<rankCount).compactMap { rank in
            let (asked, reached) = (shareAsked(rank: rank), sharesReached[rank])
            let (askedText, reachedText) = (Figure.percent(asked), Figure.percent(reached))
            guard policy.cutting == .uneven, (reached - asked).magnitude > asked / 20, askedText != reachedText
            else { return nil }
            return "rank \(rank) was to get \(askedText) of the weights and gets \(reachedText): "
                + "whole heads do not divide more evenly"
        }
    }

    private var paddingRemarks: [String] {
        guard policy.cutting == .padded else { return [] }
        let real = Plan(unchecked: blueprint, unpaddedPolicy, encodings)
        let padding = (0..<rankCount).reduce(0) {
            $0 + holdings(rank: $1).weightByteCount - real.holdings(rank: $1).weightByteCount
        }
        return ["padding: all ranks together hold \(Figure.bytes(padding)) of zeros beside the weights"]
    }

    private var unpaddedPolicy: Policy {
        var policy = policy
        policy.cutting = .uneven
        return policy
    }

    /// One axis of each kind and size.
    private var representativeAxes: [Axis] {
        var axes: [Axis] = []
        let rotating = Set(widthDealings.filter { $0.dealing.rotates }.flatMap { $0.widths.map(\.axis) })
        let all =
            attentions.map(\.queryAxis) + recurrences.map(\.axis)
            + (mlps.map(\.axis) + mixtures.map(sharedAxis)).filter { !rotating.contains($0) }
            + [blueprint.vocabularyAxis]
            + (policy.way == .gather ? [blueprint.widthAxis] : [])
        for axis in all where !axes.contains(where: { $0.kind == axis.kind && split(of: $0) == split(of: axis) }) {
            axes.append(axis)
        }
        return axes
    }

    func names(_ axes: [Axis]) -> String { axes.map(name).joined(separator: ", ") }

    /// The name of an axis without its layer.
    func name(_ axis: Axis) -> String { Axis(axis.kind, layer: nil, count: axis.count).description }
}
