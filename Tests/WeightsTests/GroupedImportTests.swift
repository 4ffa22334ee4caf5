import Blueprint
import Compute
import Launching
import Testing
import Weights

@Suite struct GroupedImportTests {
    private let source: TemporaryFolder
    private let target: TemporaryFolder
    private var destination: String { target.path("model.h5") }

    init() throws {
        source = try TemporaryFolder()
        target = try TemporaryFolder()
    }

    private func run(
        _ encoding: ImportEncoding, threads: Int = 1, instructionSet: InstructionSet = .fastest
    ) throws -> WeightsFile {
        _ = try Importer.run(
            source: source.path(""), destination: destination, encoding: encoding, programVersion: "0",
            threads: threads, instructionSet: instructionSet)
        return try WeightsFile(path: destination)
    }

    private func grouped(_ bits: Int, size: Int = 32, offsets: Bool = false) throws -> Encoding {
        .grouped(try #require(Grouping(bits: bits, size: size, scale: .f16, hasOffsets: offsets)))
    }

    @Test func matricesAreRoundedAndVectorsAreNot() throws {
        try Numbers.model.write(to: source)
        for encoding in [try grouped(4), try grouped(8, size: 64, offsets: true)] {
            let file = try run(ImportEncoding(.stored(encoding)), threads: 2)
            for weight in try Numbers.model.tensors().map(\.weight) {
                let info = try #require(file.tensor(weight.name))
                #expect(info.encoding == (weight.isVector ? .bf16 : encoding))
            }
            #expect(try file.verifyAll().isEmpty)
        }
    }

    @Test func roundedRowsAreThoseOfTheQuantizer() throws {
        try Numbers.model.write(to: source)
        for encoding in [try grouped(4, size: 128), try grouped(8), try grouped(4, offsets: true)] {
            let file = try run(ImportEncoding(.stored(encoding)), threads: 3)
            for tensor in try Numbers.model.tensors() where !tensor.weight.isVector {
                let expected = try Numbers.parts(of: tensor, encoding)
                for (part, bytes) in zip(encoding.parts, expected) {
                    let found = try file.bytes(
                        tensor.weight.name, part: part, rows: 0..<tensor.weight.rows,
                        columns: 0..<tensor.weight.columns)
                    #expect(found == bytes, "\(tensor.weight.name) \(part)")
                }
            }
        }
    }

    /// Two groups of one matrix, the second of which may be the short one at a row's end.
    @Test(arguments: GroupedModel.groupings) func groupsThatAreNotFiniteAreAWarning(grouping: Grouping) throws {
        let name = "model.layers.0.mlp.down_proj.weight"
        let isNested = grouping.scale == .nested
        let (scales, offsets): (Grouping.Part, Grouping.Part) =
            isNested ? (.superScales, .superOffsets) : (.scales, .offsets)
        let (noNumber, infinity): ([UInt8], [UInt8]) =
            switch grouping.scale {
            case .f16, .nested: ([0xff, 0xff], [0, 0x7c])
            case .bf16: ([0xff, 0xff], [0x80, 0x7f])
            case .f32: ([0xff, 0xff, 0xff, 0xff], [0, 0, 0x80, 0x7f])
            }
        var model = GroupedModel(grouping: grouping)
        func warnings(_ encoding: ImportEncoding) throws -> [ImportSummary.Warning] {
            try Importer.run(Checkpoint(model), destination: destination, encoding: encoding, programVersion: "0")
                .warnings
        }
        #expect(try warnings(.keep).isEmpty)
        model.change = { tensor in
            guard tensor.name == name else { return }
            let columnsEach = isNested ? Grouping.superSize : grouping.size
            tensor.set(scales, row: 3, index: 0, noNumber)
            tensor.set(offsets, row: 5, index: (tensor.columns - 1) / columnsEach, infinity)
        }
        let tensor = try #require(try model.all().first { $0.name == name })
        let count = (0..<tensor.rows).reduce(0) { count, row in
            count + (0..<tensor.columns).count { !tensor.element(row, $0).isFinite }
        }
        #expect(count > 0)
        for encoding in [ImportEncoding.keep, .f32] {
            let warning = try #require(try warnings(encoding).first)
            #expect(warning.tensor == name && warning.nonFiniteCount == count)
        }
    }

    @Test func everyInstructionSetMakesTheSameModel() throws {
        try Numbers.model.write(to: source)
        for encoding in [try grouped(4), try grouped(8, size: 64, offsets: true)] {
            let hashes = try InstructionSet.supported.map {
                try run(ImportEncoding(.stored(encoding)), instructionSet: $0).modelHash
            }
            #expect(Set(hashes).count == 1, "\(hashes)")
        }
    }

    @Test func embeddingAndHeadMayHaveEncodingsOfTheirOwn() throws {
        try Numbers.model.write(to: source)
        let choices = ImportEncoding(
            .stored(try grouped(4)), embedding: .keep, head: .stored(try grouped(8)))
        let file = try run(choices)
        #expect(file.tensor("model.embed_tokens.weight")?.encoding == .bf16)
        #expect(file.tensor("lm_head.weight")?.encoding == (try grouped(8)))
        #expect(file.tensor("model.layers.0.mlp.up_proj.weight")?.encoding == (try grouped(4)))
    }

    @Test func oneMatrixHasOneEncoding() throws {
        let config = Numbers.model.config.replacing(
            "\"tie_word_embeddings\": false", with: "\"tie_word_embeddings\": true")
        let tied = try Blueprint(configuration: config)
        let (q4, q8) = (try grouped(4), try grouped(8))
        for choices in [
            ImportEncoding(.stored(q4), head: .stored(q8)), ImportEncoding(.stored(q4), embedding: .stored(q8)),
            ImportEncoding(.stored(q4), embedding: .stored(q8), head: .stored(q8)),
        ] {
            #expect(try choices.resolved(for: tied).encoding(of: .bf16, tied.embedding) == q8)
        }
        let error = try #require(throws: WeightsError.self) {
            try ImportEncoding(.keep, embedding: .stored(q4), head: .stored(q8)).resolved(for: tied)
        }
        #expect(error == .tiedHead(embedding: "q4g32", head: "q8g32"))
    }

    @Test func aQuantisedCheckpointIsKeptBitForBit() throws {
        let model = try AffineModel(to: source)
        let file = try run(.keep)
        for (name, parts) in model.parts {
            for (part, bytes) in zip([Grouping.Part.values, .scales, .offsets], parts) {
                let info = try #require(file.tensor(name))
                #expect(info.encoding.name == "q4g32-offset")
                let found = try file.bytes(name, part: part, rows: 0..<info.rows, columns: 0..<info.columns)
                #expect(found == bytes, "\(name) \(part)")
            }
        }
    }

    @Test func aQuantisedCheckpointIsWidened() throws {
        let model = try AffineModel(to: source)
        let file = try run(.f32)
        for name in model.parts.keys.sorted() {
            let info = try #require(file.tensor(name))
            #expect(info.encoding == .f32)
            let found = try file.bytes(name, rows: 0..<info.rows, columns: 0..<info.columns)
            #expect(
                found == model.floats(name, columns: info.columns).flatMap(\.bitPattern.littleEndianBytes), "\(name)")
        }
        let halves = try run(.f16)
        #expect(halves.tensor("lm_head.weight")?.encoding == .f16)
    }

    @Test func aQuantisedCheckpointIsNotRoundedAgain() throws {
        _ = try AffineModel(to: source)
        for encoding in [try grouped(4), try grouped(8), try grouped(4, size: 64, offsets: true)] {
            let error = try #require(throws: WeightsError.self) { try run(ImportEncoding(.stored(encoding))) }
            #expect(
                error.description.contains("expected elements that can become \(encoding.name), found q4g32-offset"))
        }
    }
}

/// Numbers of the size of a model's.
private enum Numbers {
    static let model = SampleModel(width: 96, mlpWidth: 82, vocabulary: 101, layers: 1, types: ["BF16"])

    /// What the quantizer makes of a tensor in one go.
    static func parts(of tensor: SampleModel.Tensor, _ encoding: Encoding) throws -> [[UInt8]] {
        guard case .grouped(let grouping) = encoding else { return [] }
        let quantizer = try #require(Quantizer(grouping, instructionSet: .portable))
        let (rows, columns) = (tensor.weight.rows, tensor.weight.columns)
        let buffers = unsafe encoding.parts.map {
            UnsafeMutableRawBufferPointer.allocate(
                byteCount: rows * encoding.rowByteCount(of: $0, columns: columns), alignment: 64)
        }
        defer { for unsafe buffer in unsafe buffers { unsafe buffer.deallocate() } }
        unsafe tensor.bytes.withUnsafeBytes {
            _ = unsafe quantizer.quantize($0, tensor.encoding, rows: rows, columns: columns, into: buffers)
        }
        return unsafe buffers.map { unsafe Array($0) }
    }
}

/// A checkpoint of random integers of 4 bits in groups of 32, with random scales and offsets in f16.
private struct AffineModel {
    /// Packed integers, scales and offsets of each matrix.
    private(set) var parts: [String: [[UInt8]]] = [:]

    init(to folder: TemporaryFolder) throws {
        let model = SampleModel(width: 64, mlpWidth: 96, vocabulary: 101, layers: 1, types: ["BF16"])
        var tensors: [(name: String, type: String, shape: [Int], bytes: [UInt8])] = []
        var state: UInt64 = 88_172_645_463_325_252
        func random() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state >> 16
        }
        for tensor in try model.tensors() {
            let (rows, columns, name) = (tensor.weight.rows, tensor.weight.columns, tensor.weight.name)
            guard !tensor.weight.isVector else {
                tensors.append((name, tensor.type, tensor.weight.shape, tensor.bytes))
                continue
            }
            let values = (0..<rows * columns / 2).map { _ in UInt8(truncatingIfNeeded: random()) }
            func halves(_ lowest: Double, _ range: Double) -> [UInt8] {
                (0..<rows * columns / 32).flatMap { _ in
                    Float16(lowest + range * Double(random() % 1000) / 1000).bitPattern.littleEndianBytes
                }
            }
            parts[name] = [values, halves(0.001, 0.02), halves(-0.2, 0.1)]
            let path = name.dropLast(".weight".count)
            tensors.append((name, "U32", [rows, columns / 8], values))
            tensors.append(("\(path).scales", "F16", [rows, columns / 32], parts[name]?[1] ?? []))
            tensors.append(("\(path).biases", "F16", [rows, columns / 32], parts[name]?[2] ?? []))
        }
        let quantization = "{\"quantization\": {\"bits\": 4, \"group_size\": 32}, "
        try folder.write("config.json", quantization + model.config.dropFirst())
        try folder.write("model.safetensors", SafetensorsText(tensors).bytes)
    }

    /// The elements of a matrix, by the definition.
    func floats(_ name: String, columns: Int) -> [Float] {
        guard let parts = parts[name] else { return [] }
        func half(_ bytes: [UInt8], _ index: Int) -> Float {
            Float(Float16(bitPattern: UInt16(bytes[2 * index]) | UInt16(bytes[2 * index + 1]) << 8))
        }
        return (0..<parts[0].count * 2).map { index in
            let group = index / columns * (columns / 32) + index % columns / 32
            let integer = parts[0][index / 2] >> (index % 2 * 4) & 15
            return half(parts[1], group) * Float(integer) + half(parts[2], group)
        }
    }
}

extension FixedWidthInteger {
    fileprivate var littleEndianBytes: [UInt8] {
        (0..<bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) }
    }
}
