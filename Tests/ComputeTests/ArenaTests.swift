import Blueprint
import Compute
import Foundation
import Testing

@Suite struct ArenaTests {
    @Test func aFullArenaSaysWhatWasWantedAndWhatIsLeft() throws {
        let arena = try Arena(byteCount: 1000)
        _ = try arena.matrix(rows: 3, columns: 20, encoding: .bf16)
        #expect(arena.usedByteCount == 3 * 64)
        let error = #expect(throws: ComputeError.self) { try arena.matrix(rows: 10, columns: 33, encoding: .f32) }
        #expect(error?.description.contains("1920 bytes for a matrix of 10 x 33 f32, found 808 free of 1000") == true)
        #expect(arena.usedByteCount == 3 * 64)
        _ = try arena.vector(count: 192)
        #expect(throws: ComputeError.self) { try arena.vector(count: 1) }
    }

    @Test func byteCountsAreWhatIsTaken() throws {
        for columns in [0, 1, 15, 16, 17, 31, 32, 33, 100] {
            for rows in [0, 1, 5] {
                for encoding in Encoding.allPlain {
                    let arena = try Arena(byteCount: 1 << 20)
                    let matrix = try arena.matrix(rows: rows, columns: columns, encoding: encoding)
                    #expect(arena.usedByteCount == Arena.byteCount(rows: rows, columns: columns, encoding: encoding))
                    #expect(
                        matrix.rowByteStride % 64 == 0
                            && matrix.rowByteStride >= encoding.fileByteCount(rows: 1, columns: 0..<columns))
                }
                let arena = try Arena(byteCount: 1 << 20)
                _ = try arena.buffer(rows: rows, columns: columns)
                #expect(arena.usedByteCount == Arena.byteCount(rows: rows, columns: columns))
                _ = try KeyValueCache(heads: rows, positions: 7, headSize: columns, in: arena)
                #expect(
                    arena.usedByteCount == Arena.byteCount(rows: rows, columns: columns)
                        + KeyValueCache.byteCount(heads: rows, positions: 7, headSize: columns))
            }
        }
    }

    @Test func memoryStartsAsZeroAndAligned() throws {
        let arena = try Arena(byteCount: 1 << 16)
        _ = try arena.vector(count: 3)
        let matrix = try arena.matrix(rows: 3, columns: 37, encoding: .f16)
        unsafe matrix.withRowBytes(0..<3) { bytes, stride in
            #expect(unsafe bytes.allSatisfy { $0 == 0 })
            #expect(bytes.count == 3 * stride)
            #expect(Int(bitPattern: bytes.baseAddress) % 64 == 0)
        }
    }

    /// Of the first rows, of the last ones at the arena's end, and of none.
    @Test func occupiedPagesHoldWhatTheyHeld() throws {
        let (rows, columns) = (1100, 1024)
        let arena = try Arena(byteCount: Arena.byteCount(rows: rows, columns: columns, encoding: .f32))
        let matrix = try arena.matrix(rows: rows, columns: columns, encoding: .f32)
        let row = (0..<columns).map { Float($0) - 3 }
        // The last row of the first large page.
        matrix.set(row: 511, floats: row)
        for range in [0..<rows, rows - 1..<rows, 0..<0, rows..<rows] { matrix.occupyPages(of: range) }
        for index in 0..<rows {
            #expect(matrix.floats(row: index) == (index == 511 ? row : [Float](repeating: 0, count: columns)))
        }
    }

    /// The last small page of the large one in which rows lie, and of no other. Linux before 5.14 can't be told.
    @Test(.enabled(if: Self.canOccupyPages)) func largePagesAreOccupiedFromTheirEnds() throws {
        let (rows, columns) = (1536, 1024)
        let arena = try Arena(byteCount: Arena.byteCount(rows: rows, columns: columns, encoding: .f32))
        let matrix = try arena.matrix(rows: rows, columns: columns, encoding: .f32)
        matrix.occupyPages(of: 600..<700)
        #expect(ends(of: matrix) == [false, true, false])
        matrix.occupyPages(of: 1023..<1025)
        #expect(ends(of: matrix) == [false, true, true])
    }

    /// Of each 2 MiB of a matrix, whether the last small page is occupied.
    private func ends(of matrix: Matrix) -> [Bool] {
        unsafe matrix.withRowBytes(0..<matrix.rows) { bytes, _ in
            let size = Int(sysconf(CInt(_SC_PAGESIZE)))
            return stride(from: 2 << 20, through: bytes.count, by: 2 << 20).map { end in
                var isResident: UInt8 = 0
                let start = unsafe bytes.baseAddress.map { unsafe $0 + end - size }
                let status = unsafe mincore(start, size, &isResident)
                return status == 0 && isResident & 1 == 1
            }
        }
    }

    private static var canOccupyPages: Bool {
        let size = Int(sysconf(CInt(_SC_PAGESIZE)))
        let page = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        defer { _ = unsafe munmap(page, size) }
        return unsafe madvise(page, size, 23) == 0
    }

    @Test func whatIsCutOffKeepsTheArenaAlive() throws {
        func cut() throws -> Buffer { try Arena(byteCount: 1 << 20).buffer(rows: 10, columns: 10) }
        let buffer = try cut()
        buffer[9, 9] = 5
        #expect(buffer.elements.last == 5)
    }

    @Test func negativeAndUncountableShapesAreRefused() throws {
        let arena = try Arena(byteCount: 0)
        #expect(throws: ComputeError.self) { try arena.matrix(rows: -1, columns: 4, encoding: .f32) }
        #expect(throws: ComputeError.self) { try arena.buffer(rows: 1 << 40, columns: 1 << 40) }
        #expect(throws: ComputeError.self) { try Arena(byteCount: -1) }
        #expect(throws: ComputeError.self) { try Arena(byteCount: .max) }
        let refused = #expect(throws: ComputeError.self) { try Arena(byteCount: 1 << 60) }
        #expect(refused?.description.contains("\(1 << 60) bytes") == true)
        #expect(try arena.buffer(rows: 0, columns: 5).count == 0)
    }

    @Test func viewsAndRowsShareTheElements() throws {
        let buffer = try Workbench().buffer(6, 4)
        buffer.view(from: 5, rows: 2, columns: 3)[1, 2] = 77
        #expect(buffer[2, 2] == 77)
        buffer.rows(3..<5)[1, 0] = 78
        #expect(buffer[4, 0] == 78)
    }
}
