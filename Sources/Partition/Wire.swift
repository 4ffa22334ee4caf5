/// How the vectors that ranks sum travel between them; they are added in float32 in any case.
public enum Wire: String, Sendable, Hashable, Codable, CaseIterable {
    /// In float32.
    case f32
    /// In bf16, rounded to nearest, ties to even: half the bytes.
    case bf16
    /// As signed bytes, 32 of them with a float32 scale: over a quarter of the bytes.
    case q8

    /// Elements that travel together.
    static let blockSize = 32

    /// Float32 words of a block.
    var blockWords: Int {
        switch self {
        case .f32: Self.blockSize
        case .bf16: 16
        case .q8: 9
        }
    }
}
