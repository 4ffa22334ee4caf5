public import Blueprint

/// How an import stores matrices.
public enum ImportEncoding: String, Sendable, Hashable, CaseIterable {
    /// As 32-bit floats.
    case f32
    /// As bf16.
    case bf16
    /// As f16.
    case f16
    /// Each as the checkpoint has it.
    case keep

    /// The encoding for a tensor that the checkpoint has as `source`.
    ///
    /// Vectors (the weights of norms, and biases) are small and sensitive: they are kept, or widened to f32.
    public func encoding(of source: Encoding, _ weight: Weight) -> Encoding {
        switch self {
        case .f32: .f32
        case .bf16: weight.isVector ? source : .bf16
        case .f16: weight.isVector ? source : .f16
        case .keep: source
        }
    }
}
