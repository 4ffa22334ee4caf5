import Foundation
import HDF5
import Launching
import Testing

@Suite struct HDF5ErrorTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func anAbsentFileIsNamedWithTheReason() {
        let path = folder.path("absent.h5")
        let error = #expect(throws: HDF5Error.self) { _ = try HDF5File(opening: path) }
        #expect(error == .cannotOpen(path: path, reason: "No such file or directory"))
    }

    @Test func anotherKindOfFileIsNotHDF5() throws {
        let path = folder.path("text.h5")
        try Data("This is no HDF5 file at all.".utf8).write(to: URL(filePath: path))
        let error = #expect(throws: HDF5Error.self) { _ = try HDF5File(opening: path) }
        #expect(error == .notHDF5(path: path))
    }

    @Test(arguments: [0, 1, 8, 48, 100, 500, 1000, 4095, 40000])
    func aTruncatedFileIsRefused(byteCount: Int) throws {
        let path = folder.path("truncated.h5")
        try createSample(path)
        let whole = try Data(contentsOf: URL(filePath: path))
        try #require(byteCount < whole.count)
        try whole.prefix(byteCount).write(to: URL(filePath: path))
        #expect(throws: HDF5Error.self) { _ = try HDF5File(opening: path) }
    }

    @Test func theInnermostMessageOfTheLibraryIsQuoted() throws {
        let path = folder.path("quoted.h5")
        try createSample(path)
        let whole = try Data(contentsOf: URL(filePath: path))
        try whole.prefix(whole.count - 1).write(to: URL(filePath: path))
        let error = try #require(throws: HDF5Error.self) { _ = try HDF5File(opening: path) }
        #expect(error.description.contains("\(path): H5Fopen failed with 'truncated file: eof = \(whole.count - 1)"))
    }

    @Test func anAbsentDatasetIsNamed() throws {
        let path = folder.path("sample.h5")
        try createSample(path)
        let file = try HDF5File(opening: path)
        let error = #expect(throws: HDF5Error.self) { _ = try file.root().openDataset("model.norm.weight") }
        #expect(error == .missing(location: path, name: "model.norm.weight"))
        #expect(throws: HDF5Error.self) { _ = try file.root().openGroup("absent") }
        #expect(throws: HDF5Error.self) { _ = try file.root().openGroup("values") }
    }

    @Test func aSlabOutsideTheDatasetIsRefused() throws {
        let path = folder.path("sample.h5")
        try createSample(path)
        let file = try HDF5File(opening: path)
        let dataset = try file.root().openDataset("values")
        for slab in [
            Hyperslab(0..<101, 0..<1), Hyperslab(0..<1, 100..<101), Hyperslab(-1..<0, 0..<1), Hyperslab(0..<1),
        ] {
            var bytes = [UInt8](repeating: 0, count: slab.elementCount * 4)
            #expect(throws: HDF5Error.self) {
                var span = bytes.mutableSpan
                var buffer = span.mutableBytes
                try dataset.read(slab, into: &buffer)
            }
        }
    }

    @Test func aBufferOfAnotherSizeIsRefused() throws {
        let path = folder.path("sample.h5")
        try createSample(path)
        let file = try HDF5File(opening: path, isWritable: true)
        let dataset = try file.root().openDataset("values")
        for byteCount in [0, 3, 8] {
            let bytes = [UInt8](repeating: 0, count: byteCount)
            #expect(throws: HDF5Error.self) { try dataset.write(Hyperslab(0..<1, 0..<1), from: bytes.span.bytes) }
        }
    }

    @Test func anAttributeOfAnotherTypeIsRefused() throws {
        let file = try HDF5File(creating: folder.path("attributes.h5"))
        let attributes = try file.root().attributes()
        try attributes.set("version", to: "1")
        try attributes.set("count", to: 1)
        #expect(throws: HDF5Error.self) { try attributes.integer("version") }
        #expect(throws: HDF5Error.self) { try attributes.text("count") }
        #expect(throws: HDF5Error.self) { try attributes.real("count") }
        #expect(throws: HDF5Error.self) { try attributes.text("absent") }
    }

    @Test func creatingInAnAbsentFolderQuotesTheSystem() {
        let path = folder.path("absent/file.h5")
        let error = #expect(throws: HDF5Error.self) { _ = try HDF5File(creating: path) }
        #expect(error?.description.contains("No such file or directory") == true)
    }

    private func createSample(_ path: String) throws {
        let file = try HDF5File(creating: path)
        let dataset = try file.root().createDataset("values", .float32, shape: [100, 100])
        try dataset.write(Hyperslab(0..<100, 0..<100), from: pseudoRandomBytes(40_000).span.bytes)
        try file.close()
    }
}
