import Blueprint
import Compute
import MPI
import Partition
import Weights

/// One rank's heads of an attention mixer.
struct AttentionLayer: MixerLayer {
    let phase = Phase.attention
    private let attention: Attention
    private let tableOffset: Int  // in elements
    private let local: LocalHeads
    private let heads: HeadMap
    private let cacheIndex: Int
    private let query: LocalProjection  // [local heads * head size, width]
    private let key: LocalProjection  // [local key-value heads * head size, width]
    private let value: LocalProjection?  // [local key-value heads * head size, width]
    private let gate: LocalProjection?  // [local heads * head size, width]
    private let latent: LatentSpace?
    private let queryNorm: LocalNorm?  // [head size], or [local heads * head size]
    private let keyNorm: LocalNorm?  // likewise
    private let spannedNorms: SpannedNorms?
    private let sinks: Vector?  // [local heads]
    private let output: LastProjection

    /// - Parameter cacheIndex: which of the sequence's caches is this layer's.
    init(
        _ attention: Attention, cacheIndex: Int, plan: Plan, shard: any Slices, rank: Int
    ) {
        self.attention = attention
        let before = plan.blueprint.rotaries.prefix { $0 != attention.rotary }
        tableOffset = plan.policy.context * before.reduce(0) { $0 + $1.tableCount * $1.size }
        self.cacheIndex = cacheIndex
        let local = plan.heads(of: attention, rank: rank)
        self.local = local
        heads = HeadMap(local.coveredHead)
        query = LocalProjection(attention.query, shard)
        key = LocalProjection(attention.key, shard)
        value = attention.value.map { LocalProjection($0, shard) }
        gate = attention.outputGate.map { LocalProjection($0, shard) }
        latent = attention.latent.map { LatentSpace($0, attention, local, shard: shard) }
        queryNorm = attention.queryNorm.map { LocalNorm($0, shard) }
        keyNorm = attention.keyNorm.map { LocalNorm($0, shard) }
        spannedNorms = attention.normsSpanHeads ? SpannedNorms(attention, local, plan: plan, rank: rank) : nil
        sinks = attention.sinks.map { shard.vector($0) }
        output = LastProjection(
            attention.output, axis: attention.queryAxis, perUnit: attention.valueSize, plan: plan, shard: shard)
    }

    func forward(_ chunk: Chunk, state: SequenceState, on bench: Workbench) throws(MPIError) {
        let (operations, tokens, headSize) = (bench.operations, chunk.tokens, attention.headSize)
        let queries = bench.buffers.queries.viewed(columns: local.heldHeads * headSize)
        let keys = bench.buffers.keys.viewed(columns: local.heldCovered * headSize)
        let values = bench.buffers.values.viewed(columns: local.heldCovered * headSize)
        let read = bench.buffers.heads.viewed(columns: local.heldHeads * headSize)
        let rotation = rotation(state, bench)

        if let latent {
            latent.project(query, key, into: keys, tokens: tokens, bench)
            latent.rotate(keys, rotation, chunk, bench)
            latent.absorb(into: queries, tokens: tokens, bench)
        } else {
            operations.multiply(
                bench.buffers.normed, tokens: tokens, query.product(into: queries), key.product(into: keys),
                value?.product(into: values))
            try normalize(queries, keys, tokens: tokens, bench)
            rotate(queries, heads: local.heldHeads, rotation, chunk, bench)
            rotate(keys, heads: local.heldCovered, rotation, chunk, bench)
        }

        let cache = state.caches[cacheIndex]
        operations.store(
            keys: keys, values: value == nil ? keys : values, tokens: tokens, in: cache,
            firstPosition: chunk.firstPosition)
        operations.attention(
            queries: queries, tokens: tokens, cache: cache, heads: heads, scale: attention.scale,
            cap: attention.scoreCap, sinks: sinks, window: attention.window, firstPosition: chunk.firstPosition,
            partials: bench.buffers.partials,
            into: read)
        if let gate {
            let gates = bench.buffers.besides.viewed(columns: gate.matrix.rows)
            operations.multiply(bench.buffers.normed, tokens: tokens, gate.product(into: gates))
            operations.scale(read, bySigmoidsOf: gates, tokens: tokens)
        }
        try output(latent?.expand(read, tokens: tokens, bench) ?? read, tokens: tokens, on: bench)
    }

    /// The cosines and sines that the sequence turns by.
    private func rotation(_ state: SequenceState, _ bench: Workbench) -> Buffer {
        let (rotation, size) = (bench.buffers.rotation, attention.rotary.size)
        let isSecond = state.isLong && attention.rotary.tableCount > 1
        return rotation.table(at: tableOffset + (isSecond ? rotation.rows * size : 0), columns: size)
    }

    private func normalize(_ queries: Buffer, _ keys: Buffer, tokens: Int, _ bench: Workbench) throws(MPIError) {
        if let spannedNorms, let queryNorm, let keyNorm {
            return try spannedNorms(queries, queryNorm, keys, keyNorm, tokens: tokens, bench)
        }
        queryNorm?.normalizeHeads(
            queries, tokens: tokens, heads: local.heldHeads, headSize: attention.headSize, bench.operations)
        keyNorm?.normalizeHeads(
            keys, tokens: tokens, heads: local.heldCovered, headSize: attention.headSize, bench.operations)
    }

    private func rotate(_ buffer: Buffer, heads: Int, _ rotation: Buffer, _ chunk: Chunk, _ bench: Workbench) {
        guard attention.rotary.size > 0 else { return }
        bench.operations.rotate(
            buffer, tokens: chunk.tokens, heads: heads, headSize: attention.headSize,
            rotarySize: attention.rotary.size, table: rotation, firstPosition: chunk.firstPosition)
    }
}
