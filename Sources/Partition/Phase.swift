/// What a rank does in a forward pass.
public enum Phase: String, Sendable, Codable, CodingKeyRepresentable, CaseIterable {
    /// Attention mixers: their products and the cache.
    case attention
    /// Gated MLPs.
    case mlp
    /// Logits.
    case head
    /// Exchange with other ranks, and waiting for them.
    case communication
    /// Embedding, norms, sums of branches, and choosing.
    case rest
}
