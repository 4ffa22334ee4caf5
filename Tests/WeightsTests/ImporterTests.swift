import Blueprint
import Foundation
import Launching
import Testing
import Weights

@Suite struct ImporterTests {
    private let folder: TemporaryFolder
    private let source: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        source = try TemporaryFolder()
    }

    private var destination: String { folder.path("model.h5") }

    private func run(_ encoding: ImportEncoding = .keep) throws -> ImportSummary {
        try Importer.run(
            source: source.path(""), destination: destination, encoding: encoding, programVersion: "0.0.1")
    }

    @Test(arguments: [1, 3])
    func everyTensorComesBackBitForBit(parts: Int) throws {
        let model = SampleModel(types: ["BF16", "F32", "F16"])
        try model.write(to: source, parts: parts)
        let summary = try run()
        let file = try WeightsFile(path: destination)
        let tensors = try model.tensors()
        #expect(file.tensors.count == tensors.count)
        for tensor in tensors {
            let info = try #require(file.tensor(tensor.weight.name))
            #expect(info.shape == tensor.weight.shape)
            #expect(info.encoding == .plain(tensor.encoding))
            let bytes = try file.bytes(info.name, rows: 0..<info.rows, columns: 0..<info.columns)
            #expect(bytes == tensor.bytes)
        }
        #expect(summary.tensorCount == tensors.count)
        #expect(summary.parameterCount == tensors.reduce(0) { $0 + $1.weight.elementCount })
        #expect(summary.byteCounts.values.reduce(0, +) == tensors.reduce(0) { $0 + $1.bytes.count })
        #expect(summary.modelHash == file.modelHash)
        #expect(summary.warnings.isEmpty)
        #expect(try file.verifyAll().isEmpty)
        #expect(try folder.names() == ["model.h5"])
    }

    @Test func nothingButAFileOfOursIsReplaced() throws {
        try SampleModel().write(to: source)
        try #require(unsafe mkfifo(destination, 0o600) == 0)
        let pipe = #expect(throws: WeightsError.self) { _ = try run() }
        #expect(pipe?.description.contains("the path of a file that may be replaced, found a device or a pipe") == true)
        // Opening it would wait for a writer.
        let opened = #expect(throws: WeightsError.self) { _ = try WeightsFile(path: destination) }
        #expect(opened?.description.contains("not a regular file") == true)
        try folder.write("blob", GGUFText.smallModel.bytes)
        let model = folder.path("blob")
        let itself = #expect(throws: WeightsError.self) {
            _ = try Importer.run(source: model, destination: model, encoding: .keep, programVersion: "0.0.1")
        }
        #expect(itself?.description.contains("found a model to import; give another path") == true)
        let text = try folder.write("notes.txt", "what somebody wrote")
        let other = #expect(throws: WeightsError.self) {
            _ = try Importer.run(source: model, destination: text, encoding: .keep, programVersion: "0.0.1")
        }
        #expect(other?.description.contains("found a file that is no weights file; give another path") == true)
        let empty = try folder.write("empty.h5", "")
        for _ in 0..<2 {
            _ = try Importer.run(source: model, destination: empty, encoding: .keep, programVersion: "0.0.1")
        }
        #expect(try folder.bytes("blob") == GGUFText.smallModel.bytes)
    }

    @Test func everyKindOfSliceIsThatPartOfTheTensor() throws {
        let model = SampleModel.large
        try model.write(to: source)
        _ = try run()
        let file = try WeightsFile(path: destination)
        var tiled = 0
        for tensor in try model.tensors() where !tensor.weight.name.contains("k_proj") {
            let info = try #require(file.tensor(tensor.weight.name))
            tiled += info.panels.isTiled ? 1 : 0
            #expect(info.panels.count > 1 || info.rows * info.columns <= 1104)
            for rows in ranges(info.rows) {
                for columns in ranges(info.columns) {
                    let expected = slice(tensor.bytes, columns: info.columns, size: 2, rows: rows, columns: columns)
                    let found = try file.bytes(info.name, rows: rows, columns: columns)
                    // Compared before the expectation, which would print megabytes.
                    let isEqual = found == expected
                    #expect(isEqual, "\(info.name) rows \(rows), columns \(columns)")
                }
            }
        }
        #expect(tiled == 2)
    }

    private func ranges(_ count: Int) -> [Range<Int>] {
        let third = count / 3
        return [
            0..<count, 0..<0, count..<count, 0..<1, (count - 1)..<count, third..<(count - third),
            min(31, count - 1)..<min(33, count), 0..<min(32, count),
        ]
    }

    @Test func rowsGoWhereTheStrideSaysAndNothingElseIsTouched() throws {
        let model = SampleModel()
        try model.write(to: source)
        _ = try run()
        let file = try WeightsFile(path: destination)
        for tensor in try model.tensors().filter({ $0.weight.rows >= 40 && $0.weight.columns > 40 }) {
            let (rows, columns, stride) = (3..<40, 5..<41, 100)
            var buffer = [UInt8](repeating: 0xa5, count: stride * rows.count)
            let byteCount = try unsafe buffer.withUnsafeMutableBytes { buffer in
                try unsafe file.read(
                    tensor.weight.name, rows: rows, columns: columns, into: buffer, rowByteStride: stride)
            }
            #expect(byteCount >= rows.count * columns.count * 2)
            for (index, row) in rows.enumerated() {
                let expected = slice(
                    tensor.bytes, columns: tensor.weight.columns, size: 2, rows: row..<row + 1, columns: columns)
                #expect(Array(buffer[index * stride..<index * stride + 72]) == expected)
                #expect(buffer[index * stride + 72..<(index + 1) * stride].allSatisfy { $0 == 0xa5 })
            }
        }
    }

    @Test func aSliceReadsLittleMoreThanItself() throws {
        let model = SampleModel.large
        try model.write(to: source)
        _ = try run()
        let file = try WeightsFile(path: destination)
        for (suffix, border) in [("up_proj.weight", false), ("down_proj.weight", true), ("o_proj.weight", true)] {
            let info = try #require(file.tensors.first { $0.name.hasSuffix(suffix) })
            var total = 0
            let count = border ? info.columns : info.rows
            let borders = [0, count * 5 / 10, count * 8 / 10, count]
            for rank in 0..<3 {
                let range = borders[rank]..<borders[rank + 1]
                let (rows, columns) = border ? (0..<info.rows, range) : (range, 0..<info.columns)
                total += try byteCount(file, info, rows: rows, columns: columns)
            }
            // Two borders: at most one panel, or one column of tiles, is read twice at each.
            let panel =
                border
                ? info.panels.panelsDown * info.panels.rowsPerPanel * 16 * 2
                : info.panels.rowsPerPanel * info.columns * 2
            #expect(total <= info.storedByteCount + 2 * panel)
            #expect(total >= info.byteCount)
        }
    }

    private func byteCount(
        _ file: WeightsFile, _ info: TensorInfo, rows: Range<Int>, columns: Range<Int>
    ) throws -> Int {
        var buffer = [UInt8](repeating: 0, count: rows.count * columns.count * 2)
        return try unsafe buffer.withUnsafeMutableBytes { buffer in
            try unsafe file.read(
                info.name, rows: rows, columns: columns, into: buffer, rowByteStride: columns.count * 2)
        }
    }

    @Test func slicesOutsideTheTensorAndSmallBuffersAreRefused() throws {
        try SampleModel().write(to: source)
        _ = try run()
        let file = try WeightsFile(path: destination)
        let name = "model.embed_tokens.weight"
        var buffer = [UInt8](repeating: 0, count: 96)
        unsafe buffer.withUnsafeMutableBytes { buffer in
            for (rows, columns, stride) in [
                (0..<102, 0..<1, 2), (-1..<1, 0..<1, 2), (0..<1, 0..<49, 98), (0..<2, 0..<48, 96), (0..<2, 0..<2, 2),
            ] {
                #expect(throws: WeightsError.self) {
                    try unsafe file.read(name, rows: rows, columns: columns, into: buffer, rowByteStride: stride)
                }
            }
        }
        #expect(throws: WeightsError.unknownTensor(path: destination, name: "absent")) {
            try file.bytes("absent", rows: 0..<1, columns: 0..<1)
        }
    }

    @Test(arguments: [nil, .f32, .bf16, .f16] as [Scalar?])
    func matricesAreConvertedAndVectorsAreNotNarrowed(scalar: Scalar?) throws {
        let model = SampleModel(types: ["F32", "F16", "BF16", "F32"])
        try model.write(to: source)
        _ = try run(scalar.map { ImportEncoding(.stored(.plain($0))) } ?? .keep)
        let file = try WeightsFile(path: destination)
        for tensor in try model.tensors() {
            let info = try #require(file.tensor(tensor.weight.name))
            let isKept = tensor.weight.isVector && scalar != .f32
            let expected = isKept ? tensor.encoding : scalar ?? tensor.encoding
            #expect(info.encoding == .plain(expected))
            let found = numbers(try file.bytes(info.name, rows: 0..<info.rows, columns: 0..<info.columns), expected)
            let original = numbers(tensor.bytes, tensor.encoding)
            #expect(found == original.map { round($0, expected) })
        }
    }

    private func numbers(_ bytes: [UInt8], _ encoding: Scalar) -> [Float] {
        stride(from: 0, to: bytes.count, by: encoding.bytesPerElement).map { offset in
            let element = bytes[offset..<offset + encoding.bytesPerElement]
            let bits = element.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return switch encoding {
            case .f32: Float(bitPattern: bits)
            case .f16: Float(Float16(bitPattern: UInt16(bits)))
            case .bf16: Float(bitPattern: bits << 16)
            }
        }
    }

    private func round(_ value: Float, _ encoding: Scalar) -> Float {
        switch encoding {
        case .f32: return value
        case .f16: return Float(Float16(value))
        case .bf16:
            let (low, high) = (
                Float(bitPattern: value.bitPattern & 0xffff_0000),
                Float(bitPattern: (value.bitPattern & 0xffff_0000) &+ 0x10000)
            )
            let (below, above) = (abs(value - low), abs(high - value))
            if below == above { return low.bitPattern & 0x10000 == 0 ? low : high }
            return below < above ? low : high
        }
    }

    @Test func numbersThatAreNotFiniteAreCountedAndStopNothing() throws {
        try SampleModel(types: ["F32"]).write(to: source) { tensors in
            // Infinity, no number, and a number that f16 cannot hold.
            for (index, bits) in [0x7f80_0000, 0x7fc0_0000, 0x4788_b800].enumerated() {
                for byte in 0..<4 { tensors[0].bytes[index * 4 + byte] = UInt8(bits >> (byte * 8) & 0xff) }
            }
        }
        let warning = try #require(try run(.f16).warnings.first)
        #expect(warning.tensor == "model.embed_tokens.weight")
        #expect(warning.nonFiniteCount == 2)
        #expect(warning.overflowCount == 1)
        #expect(try run(.keep).warnings.map(\.nonFiniteCount) == [2])
        #expect(try run(.keep).warnings.map(\.overflowCount) == [0])
    }

    @Test func theTextsAreVerbatim() throws {
        try SampleModel().write(to: source)
        // Longer than the 64 KiB that some readers allow an attribute.
        let tokenizer = "{\"é🌍\": \"" + String(repeating: "x", count: 3 << 20) + "\"}\n\n"
        let configuration =
            "{\"chat_template\": [{\"name\": \"tools\", \"template\": \"T\"}, "
            + "{\"name\": \"default\", \"template\": \"D\\n{{ messages }}\"}]}"
        try source.write("tokenizer.json", tokenizer)
        try source.write("tokenizer_config.json", configuration)
        let summary = try run()
        let file = try WeightsFile(path: destination)
        #expect(file.config == SampleModel().config)
        #expect(file.tokenizer == tokenizer)
        #expect(file.tokenizerConfig == configuration)
        #expect(file.chatTemplate == "D\n{{ messages }}")
        #expect(file.generationConfig == nil)
        #expect(summary.missingTexts == [.generation])
    }

    @Test func theModelHashIsThatOfConfigAndTensorsOnly() throws {
        try SampleModel().write(to: source, parts: 2)
        let first = try run().modelHash
        try source.write("tokenizer.json", "{}")
        #expect(try run().modelHash == first)
        try source.remove("model-00001-of-00002.safetensors")
        try source.remove("model-00002-of-00002.safetensors")
        try SampleModel().write(to: source)
        #expect(try run().modelHash == first)
        try SampleModel().write(to: source) { $0[3].bytes[5] ^= 1 }
        #expect(try run().modelHash != first)
    }

    @Test func progressReachesTheWhole() throws {
        try SampleModel.large.write(to: source)
        var seen: [Importer.Progress] = []
        _ = try Importer.run(
            source: source.path(""), destination: destination, encoding: .f32, programVersion: "0.0.1"
        ) { seen.append($0) }
        #expect(seen.map(\.byteCount) == seen.map(\.byteCount).sorted())
        #expect(seen.last?.byteCount == seen.last?.totalByteCount)
        #expect(seen.last?.totalByteCount == (try SampleModel.large.tensors()).reduce(0) { $0 + $1.bytes.count })
    }
}
