import Blueprint
import Foundation
import Launching
import Testing
import Weights

@Suite struct WeightsFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var path: String { folder.path("model.h5") }

    private func makeFile(_ model: SampleModel) throws {
        let source = try TemporaryFolder()
        try model.write(to: source)
        _ = try Importer.run(source: source.path(""), destination: path, encoding: .keep, programVersion: "1.2.3")
    }

    @Test func theFileTellsWhoWroteItAndWhatItHolds() throws {
        let model = SampleModel(types: ["BF16", "F32"])
        try makeFile(model)
        let file = try WeightsFile(path: path)
        #expect(file.programVersion == "1.2.3")
        #expect(file.texts.keys.map(\.rawValue).sorted() == ["config.json", "tokenizer.json"])
        let parameterCount = try Blueprint(configuration: model.config).parameterCount
        #expect(file.tensors.reduce(0) { $0 + $1.elementCount } == parameterCount)
    }

    @Test func aFileThatBecameShorterIsAnError() throws {
        let model = SampleModel.large
        try makeFile(model)
        let file = try WeightsFile(path: path)
        truncate(path, UInt64(try folder.bytes("model.h5").count / 2))
        let errors = try model.tensors().compactMap { tensor -> String? in
            do throws(WeightsError) {
                _ = try file.bytes(
                    tensor.weight.name, rows: 0..<tensor.weight.rows, columns: 0..<tensor.weight.columns)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(errors.count > 1)
        #expect(errors.allSatisfy { $0.contains(path) && $0.contains("it became shorter") })
    }

    /// Every panel of both kinds must cover its part once, at sizes around their borders.
    @Test func panelsCoverATensorOnce() throws {
        for (rows, columns) in [(1, 1), (511, 31), (512, 32), (513, 33), (1025, 65)] {
            let model = SampleModel(width: 8, mlpWidth: columns, vocabulary: rows, layers: 1)
            let source = try TemporaryFolder()
            try model.write(to: source)
            _ = try Importer.run(
                source: source.path(""), destination: path, encoding: .keep, programVersion: "0")
            let file = try WeightsFile(path: path)
            for info in file.tensors {
                let grid = info.panels
                #expect(grid.panelsDown * grid.rowsPerPanel >= info.rows)
                #expect((grid.panelsDown - 1) * grid.rowsPerPanel < info.rows)
                #expect(grid.panelsAcross * grid.columnsPerPanel >= info.columns)
                #expect((grid.panelsAcross - 1) * grid.columnsPerPanel < info.columns)
                #expect(
                    grid.isTiled == (info.name.hasSuffix("o_proj.weight") || info.name.hasSuffix("down_proj.weight")))
            }
            #expect(try file.verifyAll().isEmpty)
        }
    }

    @Test func verifyingTellsHowFarItIs() throws {
        try makeFile(SampleModel.large)
        let file = try WeightsFile(path: path)
        var seen: [(Int, Int)] = []
        _ = try file.verifyAll { seen.append(($0, $1)) }
        #expect(seen.map(\.0) == seen.map(\.0).sorted())
        #expect(seen.last?.0 == seen.last?.1)
        #expect(seen.last?.1 == file.tensors.reduce(0) { $0 + $1.storedByteCount })
    }

    @Test func anImportThatBreaksOffLeavesTheOldFile() throws {
        try makeFile(SampleModel())
        let old = try folder.bytes("model.h5")
        let source = try TemporaryFolder()
        try SampleModel(types: ["F32"]).write(to: source)
        let part = source.path("model.safetensors")
        var steps = 0
        #expect(throws: WeightsError.self) {
            _ = try Importer.run(
                source: source.path(""), destination: path, encoding: .keep, programVersion: "0"
            ) { _ in
                steps += 1
                // The checkpoint becomes shorter while it is read: a copy that was still running, say.
                if steps == 3 { truncate(part, 20_000) }
            }
        }
        #expect(steps == 3)
        #expect(try folder.names() == ["model.h5"])
        #expect(try folder.bytes("model.h5") == old)
    }

    @Test func aDestinationThatCannotBeWrittenIsNamed() throws {
        let source = try TemporaryFolder()
        try SampleModel().write(to: source)
        let destination = folder.path("absent/model.h5")
        let error = #expect(throws: WeightsError.self) {
            _ = try Importer.run(
                source: source.path(""), destination: destination, encoding: .keep, programVersion: "0")
        }
        #expect(
            error?.description
                == "\(destination): expected a folder that can be written, found no such folder; give another path")
    }

    @Test func aFolderIsNeitherAModelNorADestination() throws {
        let place = folder.path("")
        let error = #expect(throws: WeightsError.self) { _ = try WeightsFile(path: place) }
        #expect(error?.description.contains("found a folder; make one with 'lockstep import'") == true)
        let source = try TemporaryFolder()
        try SampleModel().write(to: source)
        let other = #expect(throws: WeightsError.self) {
            _ = try Importer.run(source: source.path(""), destination: place, encoding: .keep, programVersion: "0")
        }
        #expect(other?.description.hasSuffix("found a folder; give another path") == true)
    }

    @Test(arguments: ["model.onnx", "pytorch_model.bin"])
    func otherKindsOfWeightsAreNamed(name: String) throws {
        try folder.write(name, "weights")
        let error = #expect(throws: WeightsError.self) { _ = try Checkpoint(folder.path("")) }
        #expect(error?.description.contains("expected weights in .safetensors files, found only '\(name)'") == true)
    }

    private func truncate(_ path: String, _ byteCount: UInt64) {
        guard let handle = FileHandle(forWritingAtPath: path) else { return }
        try? handle.truncate(atOffset: byteCount)
        try? handle.close()
    }
}
