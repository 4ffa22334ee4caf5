import Foundation
import HDF5
import Launching
import Testing
import Weights

@Suite struct LogitsFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var path: String { folder.path("logits.h5") }

    private func message() throws -> String {
        try #require(throws: WeightsError.self) { _ = try LogitsFile(path: path) }.description
    }

    @Test func rowsComeBackWithTheirTokensAndTheModelsHash() throws {
        let rows: [[Float]] = [[1, -2.5, .infinity], [0, 3, -0.125]]
        let writer = try LogitsFile.Writer(path: path, tokens: [7, 300_000], vocabulary: 3, modelHash: "0123abcd")
        try writer.write(rows[1], firstPosition: 1)
        #expect(try folder.names() != ["logits.h5"])
        try writer.write(rows[0], firstPosition: 0)
        try writer.finish()
        #expect(try folder.names() == ["logits.h5"])
        let file = try LogitsFile(path: path)
        #expect(file.tokens == [7, 300_000])
        #expect(file.vocabulary == 3)
        #expect(file.logits == rows[0] + rows[1])
        #expect(file.modelHash == "0123abcd")
    }

    @Test func aFileOfAnotherProgramHasNoHash() throws {
        let file = try HDF5File(creating: path)
        let (ids, values): ([Int64], [Float]) = ([4], [0.5, 1])
        try unsafe file.root().createDataset("tokens", .signed64, shape: [1]).write(
            Hyperslab(0..<1), from: ids.span.bytes)
        try unsafe file.root().createDataset("logits", .float32, shape: [1, 2])
            .write(Hyperslab(0..<1, 0..<2), from: values.span.bytes)
        try file.close()
        #expect(try LogitsFile(path: path).modelHash == nil)
        #expect(try LogitsFile(path: path).logits == values)
    }

    @Test func otherFilesAreNamedForWhatTheyAre() throws {
        try folder.write("logits.h5", "hello")
        #expect(try message().hasSuffix("found a file that is not HDF5; make one with 'lockstep score --logits'"))
        try HDF5File(creating: path).close()
        #expect(try message().contains("expected a file of logits, found an HDF5 file without 'logits'"))
        let source = try TemporaryFolder()
        try SampleModel().write(to: source)
        _ = try Importer.run(source: source.path(""), destination: path, encoding: .keep, programVersion: "0")
        #expect(try message().contains("expected a file of logits, found a weights file"))
    }

    @Test func logitsAreNoModel() throws {
        let writer = try LogitsFile.Writer(path: path, tokens: [1], vocabulary: 2, modelHash: "0")
        try writer.write([1, 2], firstPosition: 0)
        try writer.finish()
        let error = try #require(throws: WeightsError.self) { _ = try WeightsFile(path: path) }
        #expect(error.description.hasSuffix("found a file of logits; make one with 'lockstep import'"))
    }
}
