internal import Blueprint

/// Keys and values of earlier positions, [local key-value heads, positions, head size] each, f32, in an arena.
///
/// A head's rows are padded to a multiple of `Encoding.rowAlignment`. Zero heads are legal: a rank may own none.
public final class KeyValueCache: Sendable {
    /// Key-value heads that this rank holds.
    public let heads: Int
    /// The most positions that it can hold.
    public let positions: Int
    /// Elements of one head.
    public let headSize: Int

    let keys: Matrix  // [heads * positions, head size]
    let values: Matrix  // [heads * positions, head size]

    /// Cuts a cache off an arena.
    ///
    /// Throws `ComputeError.arenaFull` when the arena has less than `byteCount` left.
    public init(heads: Int, positions: Int, headSize: Int, in arena: Arena) throws(ComputeError) {
        guard heads >= 0, positions >= 0, !heads.multipliedReportingOverflow(by: positions).overflow else {
            throw .badShape("a cache of \(heads) heads x \(positions) positions x \(headSize)")
        }
        self.heads = heads
        self.positions = positions
        self.headSize = headSize
        keys = try arena.matrix(rows: heads * positions, columns: headSize, encoding: .f32)
        values = try arena.matrix(rows: heads * positions, columns: headSize, encoding: .f32)
    }

    /// The bytes that a cache takes from its arena.
    public static func byteCount(heads: Int, positions: Int, headSize: Int) -> Int {
        2 * Arena.byteCount(rows: heads * positions, columns: headSize, encoding: .f32)
    }

    /// A key as it was stored.
    public func key(head: Int, position: Int) -> [Float] { keys.floats(row: head * positions + position) }

    /// A value as it was stored.
    public func value(head: Int, position: Int) -> [Float] { values.floats(row: head * positions + position) }
}
