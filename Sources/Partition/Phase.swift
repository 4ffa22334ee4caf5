/// What a rank does in a forward pass.
public enum Phase: String, Sendable, Codable, CodingKeyRepresentable, CaseIterable {
    /// Attention mixers: their products and the cache, and packing and unpacking what they exchange.
    case attention
    /// Gated MLPs, and packing and unpacking what they exchange.
    case mlp
    /// Logits.
    case head
    /// Collectives: exchange with other ranks and, where it is not told apart, waiting for them.
    case communication
    /// Embedding, norms, sums of branches, and choosing.
    case rest
}
