import Blueprint

extension Plan {
    /// What a rank does for a branch: in way sum one stage, in way gather one before the inputs of the last projection
    /// are gathered and one after.
    func stages(_ branch: Branch, branchesInLayer: Int, _ extents: Extents) -> [StageWork] {
        var inner = innerStage(branch.mixer, extents)
        let last = lastProjection(branch.mixer)
        let isGathered = policy.way == .gather && rankCount > 1
        inner.vectorByteCount = vectorByteCount(branch.weights.filter { $0 != last.bias }, extents)
        inner.elementCount += (branch.postNorm == nil ? 1 : 2) * blueprint.width
        inner.partOfLayer = 1 / Double(branchesInLayer) / (isGathered ? 2 : 1)
        var outer = StageWork(phase: inner.phase)
        outer.products = [products([last], extents)]
        outer.vectorByteCount = vectorByteCount(last.weights, extents)
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
            stage.products = [products([attention.query, attention.key, attention.value], extents)]
            stage.attention = AttentionWork(
                cacheByteCount: policy.cache.memoryByteCount(
                    heads: keyValues, positions: policy.context, headSize: attention.headSize),
                context: policy.context, channels: queries, window: attention.window)
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
        }
    }

    func lastProjection(_ mixer: Mixer) -> Projection {
        switch mixer {
        case .attention(let attention): attention.output
        case .mlp(let mlp): mlp.down
        }
    }

    private func products(_ projections: [Projection], _ extents: Extents) -> [ProductWork] {
        projections.map { product($0.weight, extents) }
    }

    private func product(_ weight: Weight, _ extents: Extents) -> ProductWork {
        let slice = slice(of: weight, extents)
        return ProductWork(
            encoding: encoding(of: weight), byteCount: memoryByteCount(of: weight, slice),
            operationCount: 2 * slice.elementCount)
    }

    private func vectorByteCount(_ weights: [Weight], _ extents: Extents) -> Int {
        weights.filter(\.isVector).reduce(0) { $0 + memoryByteCount(of: $1, slice(of: $1, extents)) }
    }

    /// Bytes of a slice in memory; a vector is one row in float32.
    func memoryByteCount(of weight: Weight, _ slice: Slice) -> Int {
        guard !weight.isVector else { return Scalar.f32.rowByteCount(slice.heldRows) }
        let columns = slice.columns.lowerBound..<slice.columns.lowerBound + slice.heldColumns
        return encoding(of: weight).memoryByteCount(rows: slice.heldRows, columns: columns)
    }
}
