/// A part of a weight that a rank holds: of some members, where it has several, the same rows and columns.
public struct Slice: Sendable, Hashable {
    /// Its members; `0..<1` of a weight that is one matrix or vector.
    public var members: Range<Int>
    /// Its rows in the complete weight.
    public var rows: Range<Int>
    /// Its columns in the complete weight; `0..<1` for a vector.
    public var columns: Range<Int>
    /// Rows of the matrix in memory: more than `rows.count` where ranges are padded with zeros to the longest.
    public var heldRows: Int
    /// Columns of the matrix in memory, likewise.
    public var heldColumns: Int

    /// A slice.
    public init(
        members: Range<Int> = 0..<1, rows: Range<Int>, columns: Range<Int>, heldRows: Int, heldColumns: Int
    ) {
        self.members = members
        self.rows = rows
        self.columns = columns
        self.heldRows = heldRows
        self.heldColumns = heldColumns
    }

    /// Elements that are read from the weights file.
    public var elementCount: Int { members.count * rows.count * columns.count }

    /// Elements in memory, zeros included.
    public var heldElementCount: Int { members.count * heldRows * heldColumns }

    /// Whether nothing is read from the weights file.
    public var isEmpty: Bool { elementCount == 0 }
}
