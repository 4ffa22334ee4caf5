import Compute
import Testing

@Suite struct TilesTests {
    /// Pieces of every length that has a loop of its own, and others, whole and cut tiles, any number of rows.
    @Test func rowsCutIntoTilesAndJoinedAreTheSameRows() {
        for length in [1, 2, 3, 4, 8, 16, 24, 32, 64, 128] {
            for (rows, tileRows) in [(1, 1), (7, 7), (8, 8), (9, 16), (17, 32), (40, 40)] {
                for columns in [length, length * 9, length * 17] {
                    let source = (0..<rows * columns).map { UInt8(truncatingIfNeeded: $0 &* 197 ^ $0 >> 7) }
                    let count = columns / length
                    var tiles = [UInt8](repeating: 0xa5, count: count * tileRows * length)
                    unsafe source.withUnsafeBytes { source in
                        unsafe tiles.withUnsafeMutableBytes { tiles in
                            unsafe Tiles.cut(
                                source, rowByteCount: columns, into: tiles, tileRowByteCount: length, tileRows: tileRows
                            )
                        }
                    }
                    let expected = (0..<tiles.count).map { place -> UInt8 in
                        let (tile, inside) = place.quotientAndRemainder(dividingBy: tileRows * length)
                        let row = inside / length
                        return row < rows ? source[row * columns + tile * length + inside % length] : 0
                    }
                    #expect(tiles == expected)
                    let stride = columns + 5
                    var joined = [UInt8](repeating: 0x5a, count: rows * stride)
                    unsafe tiles.withUnsafeBytes { tiles in
                        unsafe joined.withUnsafeMutableBytes { joined in
                            unsafe Tiles.join(
                                tiles, tileByteStride: tileRows * length, rowByteStride: length, byteCount: length,
                                count: count, rows: rows, into: joined, targetByteStride: stride)
                        }
                    }
                    let isEqual = joined.indices.allSatisfy { place in
                        let (row, column) = place.quotientAndRemainder(dividingBy: stride)
                        return joined[place] == (column < columns ? source[row * columns + column] : 0x5a)
                    }
                    #expect(isEqual, "\(length) \(rows) \(columns)")
                }
            }
        }
    }

    @Test func aTileThatRowsDoNotFillEndsWithZeros() {
        let source: [UInt8] = [1, 2, 3, 4, 5, 6]
        var tiles = [UInt8](repeating: 9, count: 16)
        unsafe source.withUnsafeBytes { source in
            unsafe tiles.withUnsafeMutableBytes { tiles in
                unsafe Tiles.cut(source, rowByteCount: 3, into: tiles, tileRowByteCount: 2, tileRows: 4)
            }
        }
        #expect(tiles == [1, 2, 4, 5, 0, 0, 0, 0, 3, 0, 6, 0, 0, 0, 0, 0])
    }
}
