internal import Blueprint
internal import CKernels

/// Which local covered head each local head reads: of an attention, which key-value head each query head.
public struct HeadMap: Sendable {
    let coveredHeads: [Int32]
    let coveredCount: Int

    /// Heads that read.
    public var count: Int { coveredHeads.count }

    /// The local covered head of each local head, in order; query heads that share one should be neighbours, so that
    /// its keys and values are read once for them.
    public init(_ coveredHeads: [Int]) {
        precondition(coveredHeads.allSatisfy { $0 >= 0 }, "A head's number is not negative.")
        self.coveredHeads = coveredHeads.map { Int32(truncatingIfNeeded: $0) }
        coveredCount = (coveredHeads.max() ?? -1) + 1
    }
}

extension Operations {
    /// Puts the keys and values [tokens, heads x headSize] of positions from `firstPosition` on into the cache, rounded
    /// to its encoding.
    public func store(keys: Buffer, values: Buffer, tokens: Int, in cache: KeyValueCache, firstPosition: Int) {
        let width = cache.heads * cache.headSize
        Self.check(keys, tokens: tokens, columns: width)
        Self.check(values, tokens: tokens, columns: width)
        precondition(
            firstPosition >= 0 && firstPosition + tokens <= cache.positions, "The cache must hold the positions.")
        precondition(cache.headSize <= LOCKSTEP_LONGEST_HEAD, "A head has at most 1024 elements.")
        let work = unsafe lockstep_store(
            instruction_set: instructionSet.code, cache: cache.layout, keys: keys.start, values: values.start,
            key_stride: keys.columns, value_stride: values.columns, tokens: tokens, first_position: firstPosition)
        unsafe run(lockstep_store_part, work, elements: 2 * tokens * width)
    }

    /// Causal attention of queries [tokens, heads x headSize] at positions from `firstPosition` on over the cache,
    /// which holds their keys and values already; the output has the queries' shape.
    ///
    /// The query at position p sees keys max(0, p - window + 1)...p. Scores are dot products times `scale`; softmax in
    /// f32, in which a sink [heads] takes part as the score of a key without a value.
    ///
    /// - Parameter partials: space for what blocks of keys give, `partialCount(heads:headSize:positions:)` floats for
    ///   each token; where it suffices, few heads are shared among many threads. The result does not depend on it.
    public func attention(
        queries: Buffer, tokens: Int, cache: KeyValueCache, heads: HeadMap, scale: Float, cap: Float? = nil,
        sinks: Vector? = nil, window: Int?, firstPosition: Int, partials: Buffer? = nil, into y: Buffer
    ) {
        let size = cache.headSize
        precondition(size <= LOCKSTEP_LONGEST_HEAD, "A head has at most 1024 elements.")
        precondition(heads.coveredCount <= cache.heads, "Every query head's key-value head must be in the cache.")
        precondition(sinks?.count ?? heads.count == heads.count, "Every head has a sink.")
        precondition(window.map { $0 > 0 } ?? true, "A window has at least one position.")
        precondition(
            firstPosition >= 0 && firstPosition + tokens <= cache.positions, "The cache must hold the positions.")
        Self.check(queries, tokens: tokens, columns: heads.count * size)
        Self.check(y, tokens: tokens, columns: heads.count * size)
        unsafe heads.coveredHeads.withUnsafeBufferPointer { map in
            var work = unsafe lockstep_attention(
                instruction_set: instructionSet.code, fetching: fetching, queries: queries.start, y: y.start,
                query_stride: queries.columns, y_stride: y.columns, cache: cache.layout,
                key_value_heads: map.baseAddress, heads: heads.count, tokens: tokens, first_position: firstPosition,
                window: window ?? 0, scale: scale, cap: cap ?? 0,
                sinks: sinks?.buffer.start, partials: nil)
            let pairs = tokens * heads.count * size
            let elements = pairs * min(firstPosition + tokens, window ?? .max)
            if let partials, unsafe sharesUnevenly(&work), unsafe lockstep_attention_partials(&work) <= partials.count {
                unsafe work.partials = partials.start
                unsafe run(lockstep_attention_blocks_part, work, elements: elements)
                unsafe run(lockstep_attention_merge_part, work, elements: elements / CacheEncoding.attentionBlock)
            } else {
                unsafe run(lockstep_attention_part, work, elements: elements)
            }
        }
    }

    /// Whether whole heads would leave threads idle for more than a sixteenth of the time.
    private func sharesUnevenly(_ work: inout lockstep_attention) -> Bool {
        guard pool.threads > 1 else { return false }
        let tasks = unsafe lockstep_attention_tasks(&work)
        let rounds = (tasks + pool.threads - 1) / pool.threads
        return 16 * (rounds * pool.threads - tasks) > tasks
    }

    /// Floats that keep apart what the blocks of so many positions give one token of so many query heads.
    public static func partialCount(heads: Int, headSize: Int, positions: Int) -> Int {
        heads * CacheEncoding.attentionRecords(headSize: headSize, positions: positions)
    }
}
