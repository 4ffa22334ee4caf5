public import Blueprint

/// Heads that ranks share out, with those that they read: query heads and key-value heads, or heads with states.
struct CutHeads: Hashable {
    /// The heads that are dealt.
    let axis: Axis
    /// The heads that follow.
    let coveredAxis: Axis
    /// The weight that has columns for each head.
    let last: Weight
    /// Its columns for one head.
    let columnsPerHead: Int
    /// The weights that have rows for each head.
    let weights: [Weight]
    /// The weights that have rows for each covered head.
    let coveredWeights: [Weight]
    /// Bytes that a token reads and writes beside weights, of one head.
    let stateByteCount: Int
    /// Bytes that a token reads beside weights, of one covered head.
    let coveredStateByteCount: Int

    /// The heads of an attention, whose cache is read at the full context.
    init(_ attention: Attention, _ policy: Policy) {
        let positions = min(policy.context, attention.window ?? policy.context)
        axis = attention.queryAxis
        coveredAxis = attention.keyValueAxis
        last = attention.output.weight
        columnsPerHead = attention.valueSize
        weights =
            attention.query.weights + (attention.outputGate?.weights ?? [])
            + (attention.latent.map { [$0.keyExpansion, $0.valueExpansion] } ?? [])
        coveredWeights = attention.key.weights + (attention.value?.weights ?? [])
        stateByteCount = 0
        coveredStateByteCount = 2 * positions * policy.cache.byteCount(headSize: attention.headSize)
    }

    /// The heads of a recurrent mixer; nil where it is another one.
    init?(_ mixer: Mixer) {
        guard let recurrent = mixer.recurrent else { return nil }
        let recurrence = recurrent.recurrence
        axis = recurrence.axis
        coveredAxis = recurrence.coveredAxis
        last = recurrent.output.weight
        columnsPerHead = recurrence.headSize
        // A state is read, and written again.
        stateByteCount = 2 * Scalar.f32.byteCount(recurrence.stateSize * recurrence.headSize)
        coveredStateByteCount = 0
        switch mixer {
        case .attention, .mlp, .experts: return nil
        case .deltaNet(let net):
            weights = [net.value, net.gate, net.decay, net.step].flatMap(\.weights)
            coveredWeights = [net.query, net.key].flatMap(\.weights)
        case .stateSpace(let space):
            weights = [space.gate, space.input, space.step].flatMap(\.weights)
            coveredWeights = [space.write, space.read].flatMap(\.weights)
        }
    }

    /// Heads that read one covered head.
    var groupSize: Int { axis.count / coveredAxis.count }
}

extension Recurrence {
    /// Channels that the convolution goes through, of so many heads and covered heads.
    func convolvedCount(heads: Int, covered: Int) -> Int { heads * headSize + 2 * covered * stateSize }

    /// Bytes of the states and of the convolution's window of so many heads and covered heads.
    func byteCount(heads: Int, covered: Int) -> Int {
        func window(_ channels: Int) -> Int { Scalar.f32.rowByteCount((kernelSize - 1) * channels) }
        return Scalar.f32.rowByteCount(heads * stateSize * headSize) + 2 * window(covered * stateSize)
            + window(heads * headSize)
    }
}

extension Plan {
    /// Positions that the cache of an attention has room for: all of the context, or where it has a window as many as a
    /// chunk of tokens sees, in whole blocks.
    public func cachedPositions(_ attention: Attention) -> Int {
        guard let window = attention.window else { return policy.context }
        let block = CacheEncoding.attentionBlock
        let (seen, overflows) = window.addingReportingOverflow(policy.chunk + block - 1)
        return overflows ? policy.context : min(policy.context, seen / block * block)
    }

    /// Tokens after which a sequence can still go back to where it was: as many as caches of windows have room for
    /// beside what a token sees; nil where all caches keep the whole context.
    public var tokensToTakeBack: Int? {
        attentions.filter { cachedPositions($0) < policy.context }
            .map { cachedPositions($0) - ($0.window ?? 0) }.min()
    }

    /// Bytes that a rank keeps of a sequence for a mixer.
    func rememberedByteCount(_ mixer: Mixer, _ extents: Extents) -> Int {
        switch mixer {
        case .mlp, .experts: return 0
        case .attention(let attention):
            return policy.cache.memoryByteCount(
                heads: extents.heldCount(attention.keyValueAxis), positions: cachedPositions(attention),
                headSize: attention.headSize)
        case .deltaNet, .stateSpace:
            guard let recurrence = mixer.recurrence else { return 0 }
            return recurrence.byteCount(
                heads: extents.heldCount(recurrence.axis), covered: extents.heldCount(recurrence.coveredAxis))
        }
    }

    /// Whether a norm over the channels of groups of heads needs sums of squares of other ranks.
    public func exchangesSquares(_ space: StateSpace) -> Bool {
        let borders = split(of: space.recurrence.axis).ranges.flatMap { [$0.lowerBound, $0.upperBound] }
        return rankCount > 1 && !borders.allSatisfy { $0.isMultiple(of: space.recurrence.groupSize) }
    }
}
