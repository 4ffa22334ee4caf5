import Blueprint
import Foundation
import Launching
import Testing
import Weights

/// Files written by the format's own library, against what that library makes of them.
@Suite struct GGUFTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static func resource(_ name: String) -> URL {
        Bundle.module.bundleURL.appending(path: "Resources/gguf/\(name)")
    }

    private static let types = resource("types.gguf").path(percentEncoded: false)

    /// The library's elements of every tensor, f32 in the order of the checkpoint's names.
    private static func expected(_ tensors: [String: any CheckpointTensor]) throws -> [String: [UInt32]] {
        let bytes = try Array(Data(contentsOf: resource("types.f32")))
        var (expected, offset): ([String: [UInt32]], Int) = ([:], 0)
        for name in tensors.keys.sorted() {
            let count = tensors[name]?.shape.reduce(1, *) ?? 0
            expected[name] = (0..<count).map { index in
                (0..<4).reduce(0) { $0 | UInt32(bytes[offset + 4 * index + $1]) << (8 * $1) }
            }
            offset += 4 * count
        }
        try #require(offset == bytes.count)
        return expected
    }

    @Test func everyTypeHasTheLibrarysElementsBitForBit() throws {
        let tensors = try Checkpoint(Self.types).tensors()
        let expected = try Self.expected(tensors)
        var encodings: Set<String> = []
        for (name, tensor) in tensors {
            let stored = try StoredRows(tensor, rows: 0..<tensor.shape[0])
            let encoding = try tensor.encoding.name
            encodings.insert(encoding)
            let pairs = zip(stored.elements(), try #require(expected[name])).enumerated()
            let different = pairs.filter { $0.element.0.bitPattern != $0.element.1 }
            let first = different.prefix(3).map { "\($0.offset): \($0.element.0), \(Float(bitPattern: $0.element.1))" }
            #expect(different.count == 0, "\(name), \(encoding): \(different.count), \(first)")
        }
        #expect(
            encodings == [
                "f32", "f16", "bf16", "q8g32", "q4g32", "q4g32-offset", "q5g32", "q5g32-offset", "q4g32-nested-offset",
                "q5g32-nested-offset", "q6g16-nested", "q4g16-nested-offset", "q4g16-nested", "q8g32-nested",
            ])
    }

    /// Published blocks have pairs of neighbours in a byte, and their scales elsewhere.
    @Test func fourBitFloatsHaveTheBytesOfThosePublished() throws {
        let reference = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "EngineTests/Resources/reference/gpt_oss-b-h96-i160-q12kv2-e10-bf16")
            .path(percentEncoded: false)
        let file = try SafetensorsFile("\(reference)/model.safetensors")
        let name = "model.layers.0.mlp.experts.down_proj"
        func bytes(_ suffix: String) throws -> [UInt8] {
            try file.bytes(try #require(file.tensors.first { $0.name == name + suffix }).byteRange)
        }
        let (blocks, scales) = (try bytes("_blocks"), try bytes("_scales"))
        var packed: [UInt8] = []
        for (number, scale) in scales.enumerated() {
            let codes = blocks[16 * number..<16 * (number + 1)].flatMap { [$0 & 15, $0 >> 4] }
            packed += [scale] + (0..<16).map { codes[$0] | codes[$0 + 16] << 4 }
        }
        let published = try #require(try Checkpoint(reference).tensors()["\(name)_blocks"])
        let extents = published.shape.reversed().map { UInt64($0) }
        var text = GGUFText.smallModel
        text.tensors.append(.init(name: "other.weight", extents: extents, type: 39, offset: nil, bytes: packed))
        try folder.write("model.gguf", text.bytes)
        let tensor = try #require(try Checkpoint(folder.path("model.gguf")).tensors()["other.weight"])
        #expect(try tensor.shape == published.shape && tensor.encoding == published.encoding)
        for rows in [0..<960, 13..<14, 95..<97] {
            let (found, expected) = (try StoredRows(tensor, rows: rows), try StoredRows(published, rows: rows))
            #expect(found.parts == expected.parts, "\(rows)")
        }
    }

    @Test func anyRowsAreThoseOfTheWhole() throws {
        for (name, tensor) in try Checkpoint(Self.types).tensors() {
            let all = try StoredRows(tensor, rows: 0..<tensor.shape[0]).elements()
            let columns = all.count / tensor.shape[0]
            for rows in [0..<1, 3..<4, 5..<13, 7..<tensor.shape[0], 4..<4] {
                let some = try StoredRows(tensor, rows: rows).elements()
                #expect(some == Array(all[rows.lowerBound * columns..<rows.upperBound * columns]), "\(name) \(rows)")
            }
        }
    }

    @Test func rowsThatThereAreNotAreRefused() throws {
        let tensor = try #require(try Checkpoint(Self.types).tensors()["model.embed_tokens.weight"])
        let error = #expect(throws: WeightsError.self) { _ = try StoredRows(tensor, rows: 10..<18) }
        #expect(error?.description.contains("types.gguf: 'token_embd.weight': expected rows within [17, 256]") == true)
    }

    @Test func aFolderIsReadAsItsFile() throws {
        #expect(throws: WeightsError.self) { _ = try Checkpoint(folder.path("absent.gguf")) }
        try folder.write("model.gguf", try Array(Data(contentsOf: Self.resource("types.gguf"))))
        let file = try Checkpoint(folder.path("model.gguf"))
        let whole = try Checkpoint(folder.path(""))
        #expect(file.texts == whole.texts)
        #expect(try file.hash() == whole.hash())
        #expect(try file.tensors().keys == whole.tensors().keys)
        try folder.write("other.gguf", GGUFText.smallModel.bytes)
        let error = #expect(throws: WeightsError.self) { _ = try Checkpoint(folder.path("")) }
        #expect(error?.description.contains("expected a folder with one model") == true)
        #expect(try Checkpoint(folder.path("other.gguf")).hash() != file.hash())
    }

    /// Other programs keep such files under names of their own.
    @Test func aFileOfAnyNameIsReadByItsFirstBytes() throws {
        try folder.write("sha256-0123", GGUFText.smallModel.bytes)
        #expect(Checkpoint.isGGUF(folder.path("sha256-0123")))
        #expect(try Checkpoint(folder.path("sha256-0123")).tensors().count == 11)
        for other in [[], Array("GGU".utf8), Array("GGML and more".utf8)] {
            try folder.write("other", other)
            #expect(!Checkpoint.isGGUF(folder.path("other")))
            let error = #expect(throws: WeightsError.self) { _ = try Checkpoint(folder.path("other")) }
            let expected = "expected a checkpoint folder with config.json, or a GGUF file"
            #expect(error?.description.contains(expected) == true)
        }
    }

    @Test func theBlueprintAsksForWhatTheFileHas() throws {
        for bytes in [try Array(Data(contentsOf: Self.resource("types.gguf"))), GGUFText.smallModel.bytes] {
            try folder.write("model.gguf", bytes)
            let checkpoint = try Checkpoint(folder.path("model.gguf"))
            let blueprint = try Blueprint(configuration: checkpoint.configuration)
            let tensors = try checkpoint.tensors()
            #expect(Set(blueprint.weights.map(\.name)) == Set(tensors.keys))
            for weight in blueprint.weights { #expect(tensors[weight.name]?.shape == weight.shape, "\(weight.name)") }
        }
    }

    @Test func aModelOfPlainTypesIsImported() throws {
        var text = GGUFText.smallModel
        text.tensors[2].bytes = (0..<32 * 32).flatMap { index in
            let bits = Float(index).bitPattern
            return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
        }
        try folder.write("model.gguf", text.bytes)
        let summary = try Importer.run(
            source: folder.path("model.gguf"), destination: folder.path("model.h5"), encoding: .keep,
            programVersion: "test")
        #expect(summary.tensorCount == 11)
        #expect(summary.ignored.isEmpty)
        #expect(summary.missingTexts.contains(.tokenizer) && !summary.missingTexts.contains(.generation))
        let tensor = try #require(
            try Checkpoint(folder.path("model.gguf")).tensors()["model.layers.0.self_attn.q_proj.weight"])
        // Rows 0 and 1 of a head of 16 are its first pair.
        let first = try StoredRows(tensor, rows: 0..<32).elements()
        #expect(first[32] == 64 && first[8 * 32] == 32 && first[24 * 32] == 17 * 32)
    }

    @Test func aSeriesIsJoinedWhicheverPartIsGiven() throws {
        let whole = GGUFText.smallModel
        for number in 0..<3 {
            var part = GGUFText()
            part.metadata = number == 0 ? whole.metadata : []
            part.set("split.no", .unsigned32(UInt32(number)))
            part.set("split.count", .unsigned32(3))
            part.set("split.tensors.count", .unsigned32(UInt32(whole.tensors.count)))
            part.tensors = whole.tensors.enumerated().filter { $0.offset % 3 == number }.map(\.element)
            try folder.write("m-0000\(number + 1)-of-00003.gguf", part.bytes)
        }
        for path in ["", "m-00001-of-00003.gguf", "m-00003-of-00003.gguf"] {
            #expect(try Checkpoint(folder.path(path)).tensors().count == whole.tensors.count)
        }
        try folder.write("m-00002-of-00003.gguf", try folder.bytes("m-00003-of-00003.gguf"))
        let error = #expect(throws: WeightsError.self) { _ = try Checkpoint(folder.path("")) }
        #expect(error?.description.contains("expected 'split.no' to be 1") == true)
        try folder.remove("m-00002-of-00003.gguf")
        let absent = #expect(throws: WeightsError.self) { _ = try Checkpoint(folder.path("m-00001-of-00003.gguf")) }
        let message = "expected the part 'm-00002-of-00003.gguf', found only 'm-00001-of-00003.gguf', 'm-00003-of"
        #expect(absent?.description.contains(message) == true)
    }
}
