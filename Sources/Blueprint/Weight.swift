/// One tensor of a checkpoint: its name, its shape, and how ranks share it.
public struct Weight: Hashable, Sendable {
    /// How a weight is shared among ranks.
    public enum Distribution: Hashable, Sendable {
        /// Every rank holds all of it.
        case replicated
        /// Each unit of the axis owns `perUnit` consecutive rows: a first projection, whose outputs are units.
        case rows(Axis, perUnit: Int)
        /// Each unit of the axis owns `perUnit` consecutive columns: a last projection, whose inputs are units.
        /// A rank's product is then a part of a sum.
        case columns(Axis, perUnit: Int)
    }

    /// The name in the checkpoint.
    public var name: String
    /// `[rows, columns]`, or `[count]` for a vector.
    public var shape: [Int]
    /// How ranks share it.
    public var distribution: Distribution

    /// A weight of the given shape.
    public init(_ name: String, _ shape: [Int], _ distribution: Distribution = .replicated) {
        self.name = name
        self.shape = shape
        self.distribution = distribution
    }

    /// The length of the first dimension.
    public var rows: Int { shape[0] }
    /// The length of the second dimension; 1 for a vector.
    public var columns: Int { shape.count > 1 ? shape[1] : 1 }
    /// The number of elements.
    public var elementCount: Int { rows * columns }
    /// Whether this is a vector: a norm's weight or a bias.
    public var isVector: Bool { shape.count == 1 }
}
