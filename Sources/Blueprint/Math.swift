/// How much products may round.
public enum Math: String, Sendable, Hashable, Codable, CaseIterable {
    /// Activations and sums in float32, whatever the weights' encoding.
    case precise
    /// Where that is faster, activations are rounded for a product: to 8-bit integers with a scale for every 32 columns
    /// where weights are grouped, to bf16 where they are bf16. With AMX, many tokens are rounded to bf16 whatever the
    /// weights, which then are rounded likewise. Sums stay float32.
    case fast

    /// Bytes of one token's rounded input of a product, at most: 64 for every 32 columns, which may begin anywhere in
    /// the first 32, up to an odd multiple of 512, so that eight tokens lie in different places of a cache.
    public static func roundedByteCount(columns: Int) -> Int {
        let blocks = (columns + 2 * (Grouping.blockColumns - 1)) / Grouping.blockColumns
        return ((blocks + 7) / 8 | 1) * 8 * Encoding.rowAlignment
    }
}

extension Encoding {
    /// Whether fast math rounds the input of a product with such a weight, on a machine that is faster by it.
    public var isRounded: Bool {
        switch self {
        case .grouped, .plain(.bf16): true
        case .plain(.f32), .plain(.f16): false
        }
    }
}
