import Blueprint

extension Plan {
    /// What a rank does for a branch: in way sum one stage, in way gather one before the inputs of the last projection
    /// are gathered and one after.
    func stages(_ branch: Branch, branchesInLayer: Int, _ extents: Extents) -> [StageWork] {
        var inner = innerStage(branch.mixer, extents)
        let last = lastProjections(branch.mixer)
        let isGathered = policy.way == .gather && rankCount > 1
        let biases = last.compactMap(\.bias)
        inner.vectorByteCount = vectorByteCount(branch.weights.filter { !biases.contains($0) }, extents)
        inner.elementCount += (branch.postNorm == nil ? 1 : 2) * blueprint.width
        inner.partOfLayer = 1 / Double(branchesInLayer) / (isGathered ? 2 : 1)
        var outer = StageWork(phase: inner.phase)
        outer.products = last.map { products([$0], extents, branch.mixer) }
        outer.vectorByteCount = vectorByteCount(last.flatMap(\.weights), extents)
        outer.elementCount = blueprint.width
        outer.partOfLayer = inner.partOfLayer
        guard !isGathered else { return [inner, outer] }
        inner.products += outer.products
        inner.vectorByteCount += outer.vectorByteCount
        inner.elementCount += outer.elementCount
        return [inner]
    }

    /// The final norm and the rank's rows of the head.
    func headStage(_ extents: Extents) -> StageWork {
        var stage = StageWork(phase: .head)
        stage.products = [[product(blueprint.head, extents)]]
        stage.elementCount = blueprint.width
        return stage
    }

    private func innerStage(_ mixer: Mixer, _ extents: Extents) -> StageWork {
        switch mixer {
        case .attention(let attention):
            let queries = extents.range(attention.queryAxis).count * attention.headSize
            let keyValues = extents.heldCount(attention.keyValueAxis)
            var stage = StageWork(phase: .attention)
            stage.products = [products(attention.inputs, extents)]
            if let latent = attention.latent {
                stage.products.insert(products([latent.reduction?.projection].compactMap { $0 }, extents), at: 0)
                stage.products += [[product(latent.keyExpansion, extents)], [product(latent.valueExpansion, extents)]]
            }
            stage.attention = AttentionWork(
                cacheByteCount: policy.cache.memoryByteCount(
                    heads: keyValues, positions: cachedPositions(attention), headSize: attention.headSize),
                context: cachedPositions(attention), channels: queries, window: attention.window)
            let normed =
                (attention.queryNorm == nil ? 0 : queries)
                + (attention.keyNorm == nil ? 0 : keyValues * attention.headSize)
            stage.elementCount = queries + keyValues * attention.headSize + normed
            return stage
        case .mlp(let mlp):
            var stage = StageWork(phase: .mlp)
            stage.products = [products(mlp.firstProjections, extents)]
            stage.elementCount = extents.range(mlp.axis).count
            return stage
        case .deltaNet(let net):
            return recurrentStage(
                net.recurrence, [[net.query, net.key, net.value], [net.gate, net.decay, net.step]],
                operationsPerElement: 7, extents)
        case .stateSpace(let space):
            return recurrentStage(
                space.recurrence, [[space.read, space.write, space.input], [space.gate, space.step]],
                operationsPerElement: 5, extents)
        case .experts(let experts):
            var stage = StageWork(phase: .mlp)
            stage.products = [
                [product(experts.router.weight, extents)], products(experts.firstProjections, extents, mixer),
            ]
            if let shared = experts.shared { stage.products.append(products(shared.firstProjections, extents)) }
            if let gate = experts.sharedGate { stage.products.append([product(gate, extents)]) }
            let runs = runs(of: experts, extents)
            stage.experts = ChosenExperts(
                chosen: experts.router.chosenCount, count: experts.memberAxis.count, runs: runs)
            // What experts read and give is brought together, besides.
            let moved = runs.reduce(0) {
                $0 + $1.members.count * ($1.channels.count + 2 * blueprint.width)
            }
            stage.elementCount =
                experts.memberAxis.count + experts.router.chosenCount * moved / experts.memberAxis.count
                + (experts.shared.map { extents.range($0.axis).count } ?? 0)
            return stage
        }
    }

    /// What heads with states read and do: with each element of a state, a product to correct it or none, one to change
    /// it and one to read it, and forgetting.
    private func recurrentStage(
        _ recurrence: Recurrence, _ inputs: [[Projection]], operationsPerElement: Int, _ extents: Extents
    ) -> StageWork {
        let (heads, covered) = (extents.heldCount(recurrence.axis), extents.heldCount(recurrence.coveredAxis))
        let elements = heads * recurrence.stateSize * recurrence.headSize
        var stage = StageWork(phase: .attention)
        stage.products = inputs.map { products($0, extents) }
        stage.states = StateWork(
            byteCount: 2 * recurrence.byteCount(heads: heads, covered: covered),
            operationCount: operationsPerElement * elements)
        stage.elementCount = 2 * recurrence.convolvedCount(heads: heads, covered: covered) + heads * recurrence.headSize
        return stage
    }

    /// The projections that give a mixer's output.
    func lastProjections(_ mixer: Mixer) -> [Projection] {
        switch mixer {
        case .attention(let attention): [attention.output]
        case .mlp(let mlp): [mlp.down]
        case .deltaNet(let net): [net.output]
        case .stateSpace(let space): [space.output]
        case .experts(let experts): [experts.down] + (experts.shared.map { [$0.down] } ?? [])
        }
    }

    /// - Parameter mixer: whose experts the weights with several members belong to.
    private func products(_ projections: [Projection], _ extents: Extents, _ mixer: Mixer? = nil) -> [ProductWork] {
        projections.map { projection in
            var work = product(projection.weight, extents)
            if projection.weight.members != nil, case .experts(let experts)? = mixer {
                work.choice = ProductWork.Choice(
                    chosen: experts.router.chosenCount, count: experts.memberAxis.count,
                    held: runs(of: experts, extents).reduce(0) { $0 + $1.members.count })
            }
            return work
        }
    }

    private func product(_ weight: Weight, _ extents: Extents) -> ProductWork {
        let slices = slices(of: weight, extents)
        return ProductWork(
            encoding: encoding(of: weight), heldByteCount: memoryByteCount(of: weight, slices),
            heldOperationCount: 2 * slices.reduce(0) { $0 + $1.elementCount },
            heldResultCount: slices.reduce(0) { $0 + $1.members.count * $1.rows.count },
            heldInputCount: slices.reduce(0) { $0 + $1.members.count * $1.columns.count })
    }

    private func vectorByteCount(_ weights: [Weight], _ extents: Extents) -> Int {
        weights.filter(\.isVector).reduce(0) { $0 + memoryByteCount(of: $1, slices(of: $1, extents)) }
    }

    /// Bytes of slices in memory; a vector is one row in float32, and every member lies by itself.
    func memoryByteCount(of weight: Weight, _ slices: [Slice]) -> Int {
        slices.reduce(0) { sum, slice in
            let columns = slice.columns.lowerBound..<slice.columns.lowerBound + slice.heldColumns
            let ofMember =
                weight.isVector
                ? Scalar.f32.rowByteCount(slice.heldRows)
                : encoding(of: weight).memoryByteCount(rows: slice.heldRows, columns: columns)
            return sum + slice.members.count * ofMember
        }
    }
}
