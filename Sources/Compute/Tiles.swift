internal import CKernels

/// Rows that a file holds in tiles of some columns each, and rows in one piece.
public enum Tiles {
    /// Puts rows together.
    ///
    /// - Parameters:
    ///   - tiles: begins with the first row of the first tile.
    ///   - tileByteStride: bytes from one tile to the next.
    ///   - rowByteStride: bytes from one row of a tile to the next.
    ///   - byteCount: bytes of each row that a tile gives.
    ///   - count: tiles.
    ///   - target: begins with the first row; its rows are `targetByteStride` bytes apart.
    public static func join(
        _ tiles: UnsafeRawBufferPointer, tileByteStride: Int, rowByteStride: Int, byteCount: Int, count: Int,
        rows: Int, into target: UnsafeMutableRawBufferPointer, targetByteStride: Int
    ) {
        guard rows > 0, count > 0, byteCount > 0 else { return }
        precondition(
            (count - 1) * tileByteStride + (rows - 1) * rowByteStride + byteCount <= tiles.count
                && (rows - 1) * targetByteStride + count * byteCount <= target.count,
            "The rows must lie in their memory.")
        unsafe lockstep_join_tiles(
            tiles.baseAddress, tileByteStride, rowByteStride, byteCount, count, rows, target.baseAddress,
            targetByteStride)
    }

    /// Cuts rows next to each other into tiles of `tileRows` rows, one after another; what the rows don't fill is zero.
    public static func cut(
        _ rows: UnsafeRawBufferPointer, rowByteCount: Int, into tiles: UnsafeMutableRawBufferPointer,
        tileRowByteCount: Int, tileRows: Int
    ) {
        guard rowByteCount > 0 else { return }
        let count = (rowByteCount + tileRowByteCount - 1) / tileRowByteCount
        let rowCount = rows.count / rowByteCount
        precondition(
            rowCount <= tileRows && count * tileRows * tileRowByteCount <= tiles.count, "The tiles must have room.")
        unsafe lockstep_cut_tiles(
            rows.baseAddress, rowByteCount, rowByteCount, rowCount, tiles.baseAddress, tileRowByteCount, tileRows)
    }
}
