/// A rectangular part of a dataset: one range per extent, outermost first.
public struct Hyperslab: Sendable, Hashable, CustomStringConvertible {
    /// The range along each extent.
    public var ranges: [Range<Int>]

    /// The part that the ranges span, outermost first.
    public init(_ ranges: Range<Int>...) { self.ranges = ranges }

    /// All of a dataset of this shape.
    public init(allOf shape: [Int]) { ranges = shape.map { 0..<$0 } }

    /// How many elements it holds.
    public var elementCount: Int { ranges.reduce(1) { $0 * $1.count } }

    /// The ranges, as `[0..<2, 3..<8]`.
    public var description: String { "\(ranges)" }
}
