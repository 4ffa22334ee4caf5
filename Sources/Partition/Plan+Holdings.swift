import Blueprint

extension Plan {
    /// What a rank holds, in bytes.
    public func holdings(rank: Int) -> Holdings {
        var holdings = Holdings(
            weightByteCount: 0, replicatedByteCount: 0, fileByteCount: 0, keyValueHeadsHeldTwice: 0,
            cacheByteCount: 0, workspaceByteCount: workspace(rank: rank).byteCount)
        for weight in weights {
            let slices = slices(of: weight, rank: rank)
            let encoding = encoding(of: weight)
            let byteCount = memoryByteCount(of: weight, slices)
            holdings.weightByteCount += byteCount
            holdings.replicatedByteCount += weight.isReplicated ? byteCount : 0
            for slice in slices {
                holdings.fileByteCount += encoding.fileByteCount(
                    rows: slice.members.count * slice.rows.count, columns: slice.columns)
            }
        }
        let extents = Extents(self, rank: rank)
        for mixer in blueprint.layers.flatMap(\.branches).map(\.mixer) {
            holdings.cacheByteCount += rememberedByteCount(mixer, extents)
        }
        for attention in attentions {
            holdings.keyValueHeadsHeldTwice += split(of: attention.keyValueAxis).repeatedUnitCount(rank: rank)
        }
        return holdings
    }

    /// The buffers of a forward on a rank.
    public func workspace(rank: Int) -> Workspace { workspace(Extents(self, rank: rank)) }

    /// The buffers of a forward on a rank with these extents.
    func workspace(_ extents: Extents) -> Workspace {
        let chunk = policy.chunk
        func buffer(_ columns: Int) -> Workspace.Buffer { Workspace.Buffer(chunk, columns) }
        let states = recurrences.map { extents.heldCount($0.axis) * $0.headSize }
        let covered = recurrences.map { extents.heldCount($0.coveredAxis) * $0.stateSize }
        let keyValues = attentions.map { extents.heldCount($0.keyValueAxis) * $0.headSize }
        let read = (attentions.map { extents.heldCount($0.queryAxis) * $0.headSize } + states).max() ?? 0
        let queries = max(
            attentions.map { extents.heldCount($0.queryAxis) * $0.headSize }.max() ?? 0, covered.max() ?? 0)
        let rates = recurrences.map { 2 * extents.heldCount($0.axis) }.max() ?? 0
        // Queries before and values after the latent space, and gates of outputs, which are not needed at once.
        let besides = attentions.map { attention in
            let size = attention.latent.map { max($0.contentSize + attention.rotary.size, $0.valueSize) }
            return extents.heldCount(attention.queryAxis)
                * (size ?? (attention.outputGate == nil ? 0 : attention.headSize))
        }
        let reduced = attentions.map { $0.latent?.reduction?.projection.weight.rows ?? 0 }.max() ?? 0
        let squares =
            (attentions.map { $0.normsSpanHeads ? $0.heads + $0.keyValueHeads : 0 } + recurrences.map(\.axis.count))
            .max() ?? 0
        let chosen = mixtures.map { mostChannels($0, extents) }
        let channels = (mlps.map { extents.heldCount($0.axis) } + chosen).max() ?? 0
        let experts = mixtures.map(\.memberAxis.count).max() ?? 0
        let (gathered, part, exchange) = gatherColumns
        let (packed, received) = summationWords
        return Workspace(
            hidden: buffer(blueprint.width), normed: buffer(blueprint.width), branch: buffer(blueprint.width),
            queries: buffer(queries), keys: buffer((keyValues + covered).max() ?? 0),
            values: buffer((keyValues + states).max() ?? 0), heads: buffer(read),
            besides: buffer((besides + states).max() ?? 0), rates: buffer(rates), reduced: buffer(reduced),
            squares: buffer(squares),
            gate: buffer(channels), up: buffer(channels), scores: buffer(experts),
            expertInput: buffer(experts == 0 ? 0 : blueprint.width),
            expertOutput: buffer(experts == 0 ? 0 : blueprint.width),
            gathered: buffer(gathered), part: buffer(part), exchange: buffer(exchange),
            packed: Workspace.Buffer(1, packed), received: Workspace.Buffer(1, received),
            logits: Workspace.Buffer(
                min(chunk, Workspace.logitRows), extents.heldCount(blueprint.vocabularyAxis)),
            rotation: Workspace.Buffer(policy.context, blueprint.rotaries.reduce(0) { $0 + $1.tableCount * $1.size }),
            partials: Workspace.Buffer(
                1,
                attentions.map {
                    extents.heldCount($0.queryAxis)
                        * CacheEncoding.attentionRecords(headSize: $0.headSize, positions: policy.context)
                }.max() ?? 0),
            rounded: buffer(roundedByteCount(extents) / Scalar.f32.bytesPerElement))
    }

    /// The most channels of a token's chosen experts that a rank may compute.
    private func mostChannels(_ experts: Experts, _ extents: Extents) -> Int {
        let runs = runs(of: experts, extents)
        let longest = runs.map(\.heldChannels).max() ?? 0
        return min(experts.router.chosenCount * longest, runs.reduce(0) { $0 + $1.heldCount })
    }

    /// Bytes of one token's rounded input, for the longest input of a rank's products that may round it.
    private func roundedByteCount(_ extents: Extents) -> Int {
        let columns = weights.compactMap { weight -> Int? in
            guard roundsInput(of: weight) else { return nil }
            return slices(of: weight, extents).map(\.heldColumns).max()
        }
        return columns.max().map { Math.roundedByteCount(columns: $0) } ?? 0
    }

    private var gatherColumns: (gathered: Int, part: Int, exchange: Int) {
        guard policy.way == .gather, rankCount > 1 else { return (0, 0, 0) }
        let inner =
            attentions.map { $0.heads * $0.valueSize } + mlps.map(\.axis.count)
            + recurrences.map { $0.axis.count * $0.headSize } + mixtures.map { $0.router.chosenCount * $0.axis.count }
        let exchanged =
            attentions.map { gatheredCount($0.queryAxis) * $0.valueSize } + mlps.map { gatheredCount($0.axis) }
            + mixtures.map(gatheredCount) + recurrences.map { gatheredCount($0.axis) * $0.headSize }
        return (
            inner.max() ?? 0, split(of: blueprint.widthAxis).longest,
            max(exchanged.max() ?? 0, gatheredCount(blueprint.widthAxis))
        )
    }

    /// The part of the work that a rank was to get, of 1.
    public func shareAsked(rank: Int) -> Double {
        let largest = policy.shares.max() ?? 1
        return policy.shares[rank] / largest / policy.shares.reduce(0) { $0 + $1 / largest }
    }

    /// The part of the weights that each rank has got, of 1, by the bytes of the elements that it holds; replicated
    /// ones count for nobody.
    var sharesReached: [Double] {
        var byteCounts = [Double](repeating: 0, count: rankCount)
        for weight in weights where !weight.isReplicated {
            let encoding = encoding(of: weight)
            for rank in 0..<rankCount {
                let count = slices(of: weight, rank: rank).reduce(0) { $0 + $1.heldElementCount }
                byteCounts[rank] += Double(encoding.readByteCount(weight, count))
            }
        }
        let sum = byteCounts.reduce(0, +)
        return byteCounts.map { $0 / sum }
    }
}
