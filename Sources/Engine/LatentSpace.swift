import Blueprint
import Compute
import Partition
import Weights

/// What the heads of one rank do to go through a latent space, whose vectors every rank with heads has.
struct LatentSpace {
    private let latent: Latent
    private let turning: Int
    private let reduction: LocalProjection?  // [reduced, width]
    private let reductionNorm: LocalNorm?  // [reduced]
    private let norm: LocalNorm  // [latent size]
    private let keyExpansions: [Matrix]  // of each head, [latent size, content size]
    private let valueExpansions: [Matrix]  // of each head, [value size, latent size]
    private let heads: Int
    private let heldHeads: Int

    /// - Parameter local: the heads of the rank.
    init(_ latent: Latent, _ attention: Attention, _ local: LocalHeads, shard: any Slices) {
        self.latent = latent
        turning = attention.rotary.size
        reduction = latent.reduction.map { LocalProjection($0.projection, shard) }
        reductionNorm = latent.reduction.map { LocalNorm($0.norm, shard) }
        norm = LocalNorm(latent.norm, shard)
        keyExpansions = shard.matrices(latent.keyExpansion)
        valueExpansions = shard.matrices(latent.valueExpansion)
        heads = local.heads.count
        heldHeads = local.heldHeads
    }

    private var querySize: Int { latent.contentSize + turning }

    /// Queries before they are absorbed, `[tokens, held heads * (content + turning)]`.
    private func queries(_ bench: Workbench) -> Buffer { bench.buffers.besides.viewed(columns: heldHeads * querySize) }

    /// Queries `[tokens, heads * (content + turning)]`, which stay beside, and keys `[tokens, latent + turning]`, their
    /// latent part normed.
    func project(
        _ query: LocalProjection, _ key: LocalProjection, into keys: Buffer, tokens: Int, _ bench: Workbench
    ) {
        let operations = bench.operations
        let queries = queries(bench)
        if let reduction, let reductionNorm {
            let reduced = bench.buffers.reduced.viewed(columns: reduction.matrix.rows)
            operations.multiply(
                bench.buffers.normed, tokens: tokens, reduction.product(into: reduced), key.product(into: keys))
            reductionNorm(reduced, tokens: tokens, into: reduced, operations)
            operations.multiply(reduced, tokens: tokens, query.product(into: queries))
        } else {
            operations.multiply(
                bench.buffers.normed, tokens: tokens, query.product(into: queries), key.product(into: keys))
        }
        guard heads > 0 else { return }
        norm.normalizeHeads(keys, tokens: tokens, heads: 1, headSize: latent.size, operations)
    }

    /// Turns the last channels of keys and of the queries that stay beside.
    func rotate(_ keys: Buffer, _ rotation: Buffer, _ chunk: Chunk, _ bench: Workbench) {
        guard heads > 0 else { return }
        bench.operations.rotate(
            keys, tokens: chunk.tokens, heads: 1, headSize: latent.size + turning, firstChannel: latent.size,
            rotarySize: turning, table: rotation, firstPosition: chunk.firstPosition)
        bench.operations.rotate(
            queries(bench), tokens: chunk.tokens, heads: heads, headSize: querySize, firstChannel: latent.contentSize,
            rotarySize: turning, table: rotation, firstPosition: chunk.firstPosition)
    }

    /// Queries `[tokens, heads * (latent + turning)]` of those that stay beside.
    func absorb(into absorbed: Buffer, tokens: Int, _ bench: Workbench) {
        let queries = queries(bench)
        for head in 0..<heads {
            let (from, to) = (head * querySize, head * (latent.size + turning))
            bench.operations.multiply(
                queries, from: from, tokens: tokens, by: keyExpansions[head], into: absorbed, at: to)
            bench.operations.copy(
                queries, from: from + latent.contentSize, tokens: tokens, columns: turning, into: absorbed,
                column: to + latent.size)
        }
    }

    /// Values `[tokens, held heads * value size]` of what the heads have read.
    func expand(_ read: Buffer, tokens: Int, _ bench: Workbench) -> Buffer {
        let size = latent.size + turning
        let values = bench.buffers.besides.viewed(columns: heldHeads * latent.valueSize)
        if heldHeads > heads { bench.operations.clear(values, tokens: tokens) }
        for head in 0..<heads {
            bench.operations.multiply(
                read, from: head * size, tokens: tokens, by: valueExpansions[head], into: values,
                at: head * latent.valueSize)
        }
        return values
    }
}
