/// Activations [rows, columns] in f32 in an arena, rows one after another without padding.
///
/// A buffer is a reference: copies and views share the elements. Two threads must not write the same elements at once.
@safe public struct Buffer: @unchecked Sendable {
    /// Rows; for activations, the most tokens of one step.
    public let rows: Int
    /// Elements of one row.
    public let columns: Int

    let start: UnsafeMutablePointer<Float>
    private let arena: Arena

    init(start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, arena: Arena) {
        unsafe self.start = start
        self.rows = rows
        self.columns = columns
        self.arena = arena
    }

    /// Elements in all.
    public var count: Int { rows * columns }

    /// One element.
    public subscript(row: Int, column: Int) -> Float {
        get {
            precondition((0..<rows).contains(row) && (0..<columns).contains(column), "The element must lie inside.")
            return unsafe start[row * columns + column]
        }
        nonmutating set {
            precondition((0..<rows).contains(row) && (0..<columns).contains(column), "The element must lie inside.")
            unsafe start[row * columns + column] = newValue
        }
    }

    /// Other dimensions over the same elements, from element `offset` on.
    public func view(from offset: Int = 0, rows: Int, columns: Int) -> Buffer {
        precondition(offset >= 0 && rows >= 0 && columns >= 0, "A view's dimensions are not negative.")
        precondition(offset + rows * columns <= count, "A view must lie inside its buffer.")
        return unsafe Buffer(start: start + offset, rows: rows, columns: columns, arena: arena)
    }

    /// Rows `range` as a buffer of its own, which shares the elements.
    public func rows(_ range: Range<Int>) -> Buffer {
        view(from: range.lowerBound * columns, rows: range.count, columns: columns)
    }

    /// Reads the first `rows` rows as one contiguous span of rows x columns elements.
    public func withSpan<Result, Failure: Error>(
        rows: Int, _ body: (Span<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition((0...self.rows).contains(rows), "The rows must lie in the buffer.")
        return try body(unsafe Span(_unsafeStart: start, count: rows * columns))
    }

    /// Changes the first `rows` rows as one contiguous span of rows x columns elements.
    public func withMutableSpan<Result, Failure: Error>(
        rows: Int, _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition((0...self.rows).contains(rows), "The rows must lie in the buffer.")
        var span = unsafe MutableSpan(_unsafeStart: start, count: rows * columns)
        return try body(&span)
    }
}
