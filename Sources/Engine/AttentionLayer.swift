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
    private let value: LocalProjection  // [local key-value heads * head size, width]
    private let queryNorm: LocalNorm?  // [head size]
    private let keyNorm: LocalNorm?  // [head size]
    private let output: LastProjection

    /// - Parameter cacheIndex: which of the sequence's caches is this layer's.
    init(
        _ attention: Attention, cacheIndex: Int, plan: Plan, shard: any Slices, rank: Int
    ) {
        self.attention = attention
        let before = plan.blueprint.rotaries.prefix { $0 != attention.rotary }
        tableOffset = plan.policy.context * before.reduce(0) { $0 + $1.size }
        self.cacheIndex = cacheIndex
        local = plan.heads(of: attention, rank: rank)
        heads = HeadMap(local.keyValueHead)
        query = LocalProjection(attention.query, shard)
        key = LocalProjection(attention.key, shard)
        value = LocalProjection(attention.value, shard)
        queryNorm = attention.queryNorm.map { LocalNorm($0, shard) }
        keyNorm = attention.keyNorm.map { LocalNorm($0, shard) }
        output = LastProjection(
            attention.output, axis: attention.queryAxis, perUnit: attention.headSize, plan: plan, shard: shard)
    }

    func forward(_ chunk: Chunk, state: SequenceState, on bench: Workbench) throws(MPIError) {
        let (operations, tokens, headSize) = (bench.operations, chunk.tokens, attention.headSize)
        let queries = bench.buffers.queries.viewed(columns: local.heldQueries * headSize)
        let keys = bench.buffers.keys.viewed(columns: local.heldKeyValues * headSize)
        let values = bench.buffers.values.viewed(columns: local.heldKeyValues * headSize)
        let read = bench.buffers.heads.viewed(columns: local.heldQueries * headSize)

        operations.multiply(
            bench.buffers.normed, tokens: tokens, query.product(into: queries), key.product(into: keys),
            value.product(into: values))
        normalize(queries, heads: local.heldQueries, by: queryNorm, chunk, bench)
        normalize(keys, heads: local.heldKeyValues, by: keyNorm, chunk, bench)
        rotate(queries, heads: local.heldQueries, chunk, bench)
        rotate(keys, heads: local.heldKeyValues, chunk, bench)

        let cache = state.caches[cacheIndex]
        operations.store(keys: keys, values: values, tokens: tokens, in: cache, firstPosition: chunk.firstPosition)
        operations.attention(
            queries: queries, tokens: tokens, cache: cache, heads: heads, scale: attention.scale,
            cap: attention.scoreCap, window: attention.window, firstPosition: chunk.firstPosition,
            partials: bench.buffers.partials,
            into: read)
        try output(read, tokens: tokens, on: bench)
    }

    private func normalize(
        _ buffer: Buffer, heads: Int, by norm: LocalNorm?, _ chunk: Chunk, _ bench: Workbench
    ) {
        norm?.normalizeHeads(
            buffer, tokens: chunk.tokens, heads: heads, headSize: attention.headSize, bench.operations)
    }

    private func rotate(_ buffer: Buffer, heads: Int, _ chunk: Chunk, _ bench: Workbench) {
        bench.operations.rotate(
            buffer, tokens: chunk.tokens, heads: heads, headSize: attention.headSize,
            rotarySize: attention.rotary.size,
            table: bench.buffers.rotation.table(at: tableOffset, columns: attention.rotary.size),
            firstPosition: chunk.firstPosition)
    }
}
