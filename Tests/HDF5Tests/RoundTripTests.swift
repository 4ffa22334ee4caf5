import Foundation
import HDF5
import Launching
import Testing

@Suite struct RoundTripTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: HDF5ElementType.allCases, [nil, [3, 4]] as [[Int]?])
    func bytesComeBackAsTheyWereWritten(elementType: HDF5ElementType, chunk: [Int]?) throws {
        let path = folder.path("bytes.h5")
        let shape = [7, 10]
        let bytes = pseudoRandomBytes(shape[0] * shape[1] * elementType.byteCount)
        try create(path, elementType, shape: shape, chunk: chunk, bytes: bytes)

        let file = try HDF5File(opening: path)
        let dataset = try file.root().openGroup("group").openDataset("values")
        #expect(dataset.elementType == elementType)
        #expect(dataset.shape == shape)
        #expect(dataset.chunk == chunk)
        #expect(try dataset.readAll() == bytes)
    }

    @Test(arguments: [nil, [7, 3], [2, 2]] as [[Int]?])
    func everySlabHoldsItsPartOfTheWhole(chunk: [Int]?) throws {
        let path = folder.path("slabs.h5")
        let (rows, columns) = (7, 10)
        let bytes = pseudoRandomBytes(rows * columns * 2)
        try create(path, .bfloat16, shape: [rows, columns], chunk: chunk, bytes: bytes)

        let file = try HDF5File(opening: path)
        let dataset = try file.root().openGroup("group").openDataset("values")
        for rowRange in [0..<7, 0..<1, 6..<7, 2..<5, 3..<3] {
            for columnRange in [0..<10, 0..<1, 9..<10, 3..<8, 4..<4] {
                var expected: [UInt8] = []
                for row in rowRange {
                    let start = row * columns * 2
                    expected += bytes[(start + columnRange.lowerBound * 2)..<(start + columnRange.upperBound * 2)]
                }
                #expect(try read(dataset, Hyperslab(rowRange, columnRange)) == expected)
            }
        }
    }

    @Test func slabsWrittenOneByOneMakeTheWhole() throws {
        let path = folder.path("pieces.h5")
        let bytes = pseudoRandomBytes(6 * 8)
        let file = try HDF5File(creating: path)
        let dataset = try file.root().createDataset("values", .unsigned8, shape: [6, 8], chunk: [4, 4])
        for row in [4..<6, 0..<3, 3..<4] {
            for column in [5..<8, 0..<5] {
                let piece = row.flatMap { row in column.map { bytes[row * 8 + $0] } }
                try dataset.write(Hyperslab(row, column), from: piece.span.bytes)
            }
        }
        #expect(try dataset.readAll() == bytes)
    }

    /// A process that begins while a file is written inherits its descriptor, and with that what is locked.
    @Test func aFileCanBeOpenedAgainWhileAProcessStartedMeanwhileRuns() throws {
        let path = folder.path("inherited.h5")
        let file = try HDF5File(creating: path)
        var process: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("600"), nil]
        defer { arguments.forEach { free($0) } }
        try #require(posix_spawnp(&process, "sleep", nil, nil, arguments, environ) == 0)
        defer {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        let inherited = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").map {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\($0)")
        }
        try #require(inherited.contains(path))
        try file.close()
        _ = try HDF5File(opening: path, isWritable: true).root()
    }

    @Test(arguments: [nil, [3, 4], [6, 10], [1, 1], [6, 3]] as [[Int]?])
    func theBytesOfTheFileAreChunkAfterChunkInRowOrder(chunk: [Int]?) throws {
        let path = folder.path("places.h5")
        let (rows, columns) = (6, 10)
        let bytes = pseudoRandomBytes(rows * columns)
        try create(path, .unsigned8, shape: [rows, columns], chunk: chunk, bytes: bytes)
        let file = try HDF5File(opening: path)
        let dataset = try file.root().openGroup("group").openDataset("values")
        let stored = Array(try folder.bytes("places.h5")[try dataset.byteRange()])
        let (height, width) = chunk.map { ($0[0], $0[1]) } ?? (rows, columns)
        let across = (columns + width - 1) / width
        for row in 0..<rows {
            for column in 0..<columns {
                let tile = (row / height * across + column / width) * height * width
                #expect(stored[tile + row % height * width + column % width] == bytes[row * columns + column])
            }
        }
        #expect(stored.count == (rows + height - 1) / height * across * height * width)
    }

    @Test func bytesWrittenPastTheLibraryReadAsRows() throws {
        let path = folder.path("direct.h5")
        let file = try HDF5File(creating: path)
        let range = try file.root().createDataset("values", .unsigned8, shape: [2, 5], chunk: [2, 3]).byteRange()
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        try handle.seek(toOffset: UInt64(range.lowerBound))
        try handle.write(contentsOf: Data([0, 1, 2, 10, 11, 12, 3, 4, 0, 13, 14, 0]))
        try handle.close()
        try file.close()
        let dataset = try HDF5File(opening: path).root().openDataset("values")
        #expect(range.count == 12)
        #expect(try dataset.readAll() == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14])
    }

    @Test func attributesComeBack() throws {
        let path = folder.path("attributes.h5")
        let texts = ["", "plain", "Grüße, 世界 🌍", String(repeating: "xyz", count: 60_000)]
        let file = try HDF5File(creating: path)
        let root = try file.root()
        let dataset = try root.createDataset("values", .float32, shape: [1])
        for (index, text) in texts.enumerated() { try root.attributes().set("text \(index)", to: text) }
        try dataset.attributes().set("integer", to: Int.min)
        try dataset.attributes().set("integer", to: 42)
        try dataset.attributes().set("real", to: -0.1)

        for (index, text) in texts.enumerated() { #expect(try root.attributes().text("text \(index)") == text) }
        #expect(try dataset.attributes().integer("integer") == 42)
        #expect(try dataset.attributes().real("real") == -0.1)
        #expect(try root.attributes().contains("integer") == false)
    }

    @Test func namesAreListedInOrderAndRemovedNamesAreGone() throws {
        let file = try HDF5File(creating: folder.path("names.h5"))
        let root = try file.root()
        for name in ["model.layers.10", "model.layers.2", "é", "a"] { _ = try root.createGroup(name) }
        try root.remove("a")
        #expect(try root.names() == ["model.layers.10", "model.layers.2", "é"])
        #expect(try root.contains("a") == false)
        #expect(try root.contains("é"))
    }

    private func create(
        _ path: String, _ elementType: HDF5ElementType, shape: [Int], chunk: [Int]?, bytes: [UInt8]
    ) throws {
        let file = try HDF5File(creating: path)
        let dataset = try file.root().createGroup("group").createDataset(
            "values", elementType, shape: shape, chunk: chunk)
        try dataset.write(Hyperslab(allOf: shape), from: bytes.span.bytes)
        try file.close()
    }

    private func read(_ dataset: borrowing HDF5Dataset, _ slab: Hyperslab) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: slab.elementCount * dataset.elementType.byteCount)
        var span = bytes.mutableSpan
        var buffer = span.mutableBytes
        try dataset.read(slab, into: &buffer)
        return bytes
    }
}

/// Bytes without a pattern that a mistake in order could hide behind.
func pseudoRandomBytes(_ count: Int) -> [UInt8] {
    var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}
