/// What a rank holds, in bytes; in memory every row begins at a multiple of `Encoding.rowAlignment`.
public struct Holdings: Sendable, Hashable {
    /// Its slices in memory: matrices in their encodings, vectors in float32, zeros included.
    public var weightByteCount: Int
    /// The part of `weightByteCount` that every rank holds.
    public var replicatedByteCount: Int
    /// What it reads from the weights file.
    public var fileByteCount: Int
    /// Its key-value heads that an earlier rank holds too, summed over layers.
    public var keyValueHeadsHeldTwice: Int
    /// What it remembers of a sequence: keys and values, with their scales and padding, and states.
    public var cacheByteCount: Int
    /// The buffers of a forward.
    public var workspaceByteCount: Int

    /// Weights, cache and buffers.
    public var peakByteCount: Int { weightByteCount + cacheByteCount + workspaceByteCount }
}
