import Blueprint
import Compute
import MPI
import Partition

/// Norms of queries and keys over all heads, of which a rank has some: sums of squares head by head, brought together
/// and added in the order of heads, so that they do not depend on who has which.
struct SpannedNorms {
    private let attention: Attention
    private let queries: Range<Int>
    private let keyValues: Range<Int>
    /// Key-value heads that an earlier rank has too.
    private let repeated: Int

    init(_ attention: Attention, _ local: LocalHeads, plan: Plan, rank: Int) {
        self.attention = attention
        queries = local.heads
        keyValues = local.covered
        repeated = plan.split(of: attention.keyValueAxis).repeatedUnitCount(rank: rank)
    }

    /// Normalises queries `[tokens, held heads * headSize]` and keys in place.
    func callAsFunction(
        _ queryBuffer: Buffer, _ queryNorm: LocalNorm, _ keyBuffer: Buffer, _ keyNorm: LocalNorm, tokens: Int,
        _ bench: Workbench
    ) throws(MPIError) {
        let (operations, size) = (bench.operations, attention.headSize)
        let (heads, keyValueHeads) = (attention.heads, attention.keyValueHeads)
        let sums = bench.buffers.squares.viewed(columns: heads + keyValueHeads)
        operations.clear(sums, tokens: tokens)
        operations.sumSquares(
            queryBuffer, tokens: tokens, heads: queries.count, headSize: size, into: sums, at: queries.lowerBound)
        operations.sumSquares(
            keyBuffer, tokens: tokens, heads: keyValues.count, headSize: size, into: sums,
            at: heads + keyValues.lowerBound)
        // The first rank that has a head says what it came to.
        for token in 0..<tokens {
            for head in keyValues.prefix(repeated) { sums[token, heads + head] = 0 }
        }
        try bench.group.combine(sums, tokens: tokens)
        queryNorm.normalize(
            queryBuffer, tokens: tokens, heads: queries, headSize: size, bySquares: sums, groupSize: heads, operations)
        keyNorm.normalize(
            keyBuffer, tokens: tokens, heads: keyValues, headSize: size, bySquares: sums, from: heads,
            groupSize: keyValueHeads, operations)
    }
}
