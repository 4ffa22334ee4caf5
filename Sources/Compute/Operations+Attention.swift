internal import CKernels

/// Which local key-value head each local query head reads.
public struct HeadMap: Sendable {
    let keyValueHeads: [Int32]
    let keyValueHeadCount: Int

    /// Query heads.
    public var count: Int { keyValueHeads.count }

    /// The local key-value head of each local query head, in order; heads that share one should be neighbours, so that its
    /// keys and values are read once for them.
    public init(_ keyValueHeads: [Int]) {
        precondition(keyValueHeads.allSatisfy { $0 >= 0 }, "A head's number is not negative.")
        self.keyValueHeads = keyValueHeads.map { Int32(truncatingIfNeeded: $0) }
        keyValueHeadCount = (keyValueHeads.max() ?? -1) + 1
    }
}

extension Operations {
    /// Puts the keys and values [tokens, heads x headSize] of positions from `firstPosition` on into the cache.
    public func store(keys: Buffer, values: Buffer, tokens: Int, in cache: KeyValueCache, firstPosition: Int) {
        let width = cache.heads * cache.headSize
        Self.check(keys, tokens: tokens, columns: width)
        Self.check(values, tokens: tokens, columns: width)
        precondition(
            firstPosition >= 0 && firstPosition + tokens <= cache.positions, "The cache must hold the positions.")
        for head in 0..<cache.heads {
            for token in 0..<tokens {
                let row = (head * cache.positions + firstPosition + token) * cache.keys.rowByteStride
                let from = head * cache.headSize
                let byteCount = cache.headSize * MemoryLayout<Float>.size
                unsafe (cache.keys.start + row).copyMemory(
                    from: keys.start + token * keys.columns + from, byteCount: byteCount)
                unsafe (cache.values.start + row).copyMemory(
                    from: values.start + token * values.columns + from, byteCount: byteCount)
            }
        }
    }

    /// Causal attention of queries [tokens, heads x headSize] at positions from `firstPosition` on over the cache, which
    /// holds their keys and values already; the output has the queries' shape.
    ///
    /// The query at position p sees keys max(0, p - window + 1)...p. Scores are dot products times `scale`; softmax in f32.
    public func attention(
        queries: Buffer, tokens: Int, cache: KeyValueCache, heads: HeadMap, scale: Float, window: Int?,
        firstPosition: Int, into y: Buffer
    ) {
        let size = cache.headSize
        precondition(size <= LOCKSTEP_LONGEST_HEAD, "A head has at most 1024 elements.")
        precondition(heads.keyValueHeadCount <= cache.heads, "Every query head's key-value head must be in the cache.")
        precondition(window.map { $0 > 0 } ?? true, "A window has at least one position.")
        precondition(
            firstPosition >= 0 && firstPosition + tokens <= cache.positions, "The cache must hold the positions.")
        Self.check(queries, tokens: tokens, columns: heads.count * size)
        Self.check(y, tokens: tokens, columns: heads.count * size)
        let stride = cache.keys.rowByteStride / MemoryLayout<Float>.size
        unsafe heads.keyValueHeads.withUnsafeBufferPointer { map in
            let work = unsafe lockstep_attention(
                instruction_set: instructionSet.code, queries: queries.start, y: y.start,
                query_stride: queries.columns, y_stride: y.columns,
                keys: cache.keys.start.assumingMemoryBound(to: Float.self),
                values: cache.values.start.assumingMemoryBound(to: Float.self),
                row_stride: stride, head_stride: stride * cache.positions, key_value_heads: map.baseAddress,
                heads: heads.count, head_size: size, tokens: tokens, first_position: firstPosition,
                window: window ?? 0, scale: scale)
            unsafe run(
                lockstep_attention_part, work,
                elements: tokens * heads.count * size * min(firstPosition + tokens, window ?? .max))
        }
    }
}
