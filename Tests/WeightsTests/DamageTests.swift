import Blueprint
import Foundation
import HDF5
import Launching
import Testing
import Weights

@Suite struct DamageTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var path: String { folder.path("model.h5") }

    private func makeFile(_ model: SampleModel = SampleModel()) throws {
        let source = try TemporaryFolder()
        try model.write(to: source)
        _ = try Importer.run(source: source.path(""), destination: path, encoding: .keep, programVersion: "0.0.1")
    }

    private func message() throws -> String {
        let error = try #require(throws: WeightsError.self) { _ = try WeightsFile(path: path) }
        #expect(error.description.hasPrefix(path))
        return error.description
    }

    @Test func aFlippedBitInATensorIsFoundAndNamed() throws {
        let model = SampleModel()
        try makeFile(model)
        let whole = try folder.bytes("model.h5")
        for (index, tensor) in try model.tensors().enumerated() {
            // The first row of a tensor is stored in one run, of 16 columns at least.
            let needle = Array(tensor.bytes.prefix(32))
            let start = try #require(whole.firstRange(of: needle)?.lowerBound)
            var damaged = whole
            damaged[start + index % 32] ^= 1 << (index % 8)
            try folder.write("model.h5", damaged)
            let file = try WeightsFile(path: path)
            let damages = try file.verifyAll()
            #expect(damages.count == 1)
            #expect(damages.first?.description.contains("'\(tensor.weight.name)' (row") == true)
            #expect(damages.first?.description.contains("is damaged: checksum") == true)
            #expect(damages.first?.description.hasSuffix("import the checkpoint again") == true)
            #expect(throws: WeightsError.self) { _ = try file.bytes(tensor.weight.name, rows: 0..<1, columns: 0..<1) }
        }
    }

    @Test func aDamagedPanelSpoilsNoOther() throws {
        let model = SampleModel.large
        try makeFile(model)
        let whole = try folder.bytes("model.h5")
        let tensor = try model.tensors()[0]
        let start = try #require(whole.firstRange(of: Array(tensor.bytes.prefix(32)))?.lowerBound)
        var damaged = whole
        damaged[start] ^= 0x80
        try folder.write("model.h5", damaged)
        let file = try WeightsFile(path: path)
        let rowsPerPanel = try #require(file.tensor(tensor.weight.name)).panels.rowsPerPanel
        #expect(throws: WeightsError.self) { _ = try file.bytes(tensor.weight.name, rows: 0..<2000, columns: 0..<1) }
        let columns = 0..<tensor.weight.columns
        let rest = try file.bytes(tensor.weight.name, rows: rowsPerPanel..<tensor.weight.rows, columns: columns)
        let isEqual = rest == Array(tensor.bytes[(rowsPerPanel * columns.count * 2)...])
        #expect(isEqual)
    }

    @Test func aFlippedBitAnywhereIsNoticedOrChangesNothing() throws {
        let model = SampleModel()
        try makeFile(model)
        let whole = try folder.bytes("model.h5")
        let tensors = try model.tensors()
        var generator = Generator(state: 7)
        var noticed = 0
        for _ in 0..<300 {
            var damaged = whole
            damaged[Int(generator.next() % UInt64(whole.count))] ^= 1 << UInt8(generator.next() % 8)
            try folder.write("model.h5", damaged)
            do {
                let file = try WeightsFile(path: path)
                if try !file.verifyAll().isEmpty {
                    noticed += 1
                    continue
                }
                for tensor in tensors {
                    let bytes = try file.bytes(
                        tensor.weight.name, rows: 0..<tensor.weight.rows, columns: 0..<tensor.weight.columns)
                    #expect(bytes == tensor.bytes)
                }
                #expect(file.config == model.config)
            } catch { noticed += 1 }
        }
        #expect(noticed > 150)
    }

    @Test func aTruncatedFileIsRefusedAtEveryLength() throws {
        try makeFile()
        let whole = try folder.bytes("model.h5")
        let lengths = Array(0..<64) + stride(from: 64, to: whole.count, by: 997) + [whole.count - 1]
        for length in lengths {
            try folder.write("model.h5", Array(whole.prefix(length)))
            #expect(try message().contains("expected"))
        }
    }

    @Test func otherFilesAreNotWeightsFiles() throws {
        try folder.write("model.h5", "hello")
        #expect(try message().contains("found a file that is not HDF5; make one with 'lockstep import'"))
        try HDF5File(creating: path).close()
        #expect(try message().contains("an HDF5 file of another program"))
        try folder.remove("model.h5")
        #expect(try message().contains("No such file or directory"))
    }

    @Test func anotherFormatVersionIsNamed() throws {
        try makeFile()
        try change { try $0.attributes().set("lockstep_format_version", to: 1) }
        #expect(try message().contains("expected format version 2, found 1; import the checkpoint again"))
    }

    @Test(arguments: ["tensors", "checksums"])
    func aMissingDatasetIsNamed(group: String) throws {
        try makeFile()
        try change { try $0.openGroup(group).remove("model.layers.1.mlp.down_proj.weight") }
        let message = try message()
        #expect(message.contains("no 'model.layers.1.mlp.down_proj.weight' among its \(group)"))
        #expect(message.hasSuffix("import the checkpoint again"))
    }

    @Test func aTensorMissingWithItsChecksumsIsCounted() throws {
        try makeFile()
        try change { root in
            for group in ["tensors", "checksums"] { try root.openGroup(group).remove("model.norm.weight") }
        }
        #expect(try message().contains("20 of its 21 tensors"))
    }

    @Test(arguments: ["tensors", "checksums", "band_checksums", "files", "scales", "offsets_checksums"])
    func aMissingGroupIsNamed(group: String) throws {
        try makeFile()
        try change { try $0.remove(group) }
        #expect(try message().contains("'\(group)'"))
    }

    @Test func aConfigThatWasReplacedIsNoticed() throws {
        try makeFile()
        let text = Array(SampleModel().config.replacing("256", with: "512").utf8)
        try change { root in
            let dataset = try root.openGroup("files").openDataset("config.json")
            try unsafe dataset.write(Hyperslab(0..<text.count), from: text.span.bytes)
        }
        #expect(try message().contains("config.json is damaged"))
        try change { root in
            let attributes = try root.openGroup("files").openDataset("config.json").attributes()
            try attributes.set("xxh64", to: XXH64.text(XXH64.hash(text)))
        }
        #expect(try message().contains("the list of tensors is damaged"))
        try change { try $0.openGroup("files").remove("config.json") }
        #expect(try message().contains("no config.json"))
    }

    @Test func checksumsOfAnotherShapeAreRefused() throws {
        try makeFile()
        try change { root in
            let attributes = try root.openGroup("checksums").openDataset("model.norm.weight").attributes()
            try attributes.set("rows_per_panel", to: 1)
        }
        #expect(try message().contains("the checksums of 'model.norm.weight' do not fit it"))
    }

    @Test func bandsThatTilesWouldCutAreRefused() throws {
        try makeFile(.large)
        for rowsPerBand in [0, 9] {
            try change { root in
                let bands = try root.openGroup("band_checksums").openDataset("model.layers.0.mlp.down_proj.weight")
                try bands.attributes().set("rows_per_band", to: rowsPerBand)
            }
            #expect(try message().contains("'model.layers.0.mlp.down_proj.weight' is not stored as a tensor is"))
        }
    }

    @Test func aChangedChecksumOfABandIsNoticed() throws {
        try makeFile()
        try change { root in
            let bands = try root.openGroup("band_checksums").openDataset("model.layers.1.self_attn.o_proj.weight")
            let zero = [UInt64](repeating: 0, count: 1)
            try unsafe bands.write(Hyperslab(2..<3), from: zero.span.bytes)
        }
        #expect(try message().contains("the list of tensors is damaged"))
    }

    private func change(_ body: (borrowing HDF5Group) throws -> Void) throws {
        let file = try HDF5File(opening: path, isWritable: true)
        try body(try file.root())
        try file.close()
    }
}

/// Numbers that are the same in every run.
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}
