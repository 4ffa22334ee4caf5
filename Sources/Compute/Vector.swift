/// A one-dimensional f32 weight in an arena: a norm's weights, a bias.
///
/// A vector is a reference: copies share the elements.
public struct Vector: Sendable {
    let buffer: Buffer  // [1, count]

    init(buffer: Buffer) { self.buffer = buffer }

    /// Elements.
    public var count: Int { buffer.columns }

    /// One element.
    public subscript(index: Int) -> Float {
        get { buffer[0, index] }
        nonmutating set { buffer[0, index] = newValue }
    }

    /// Elements `range` as a vector of its own, which shares them.
    public func elements(_ range: Range<Int>) -> Vector {
        Vector(buffer: buffer.view(from: range.lowerBound, rows: 1, columns: range.count))
    }

    /// Changes the elements as one span.
    public func withMutableSpan<Result, Failure: Error>(
        _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try buffer.withMutableSpan(rows: 1, body)
    }

    /// Reads the elements as one span.
    public func withSpan<Result, Failure: Error>(
        _ body: (Span<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try buffer.withSpan(rows: 1, body)
    }
}
