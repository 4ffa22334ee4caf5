import Blueprint
import Foundation
import Launching
import Testing
import Weights

/// Models with states whose convolutions lie as mlx-lm writes them: the same elements, in dimensions of another order.
@Suite struct TurnedConvolutionTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: ["nemotron_h-a-h72-i82-q6kv3-bf16", "qwen3_next-a-h72-i82-q6kv3-e5-bf16"])
    func theyAreReadAsTheyLieAndNormsLessTheOneThatWasAdded(name: String) throws {
        let (plain, turned) = (try tensors(Reference.source(name).path), try tensors(checkpoint(name, shape: ",4,1]")))
        let blueprint = try Checkpoint(folder.path("")).blueprint()
        let added = Set(blueprint.norms.filter { $0.addend == 1 }.map(\.weight.name))
        #expect(added.isEmpty == name.hasPrefix("nemotron"))
        #expect(plain.count == turned.count && Set(plain.keys) == Set(turned.keys))
        for (name, tensor) in plain where tensor.shape.count == 1 || tensor.shape.count == 3 && tensor.shape[1] == 1 {
            let other = try #require(turned[name])
            #expect(other.shape == tensor.shape, "\(name)")
            let expected = try Self.numbers(tensor).map { added.contains(name) ? $0 - 1 : $0 }
            #expect(try Self.numbers(other) == expected, "\(name)")
        }
    }

    @Test func otherDimensionsAreRefused() throws {
        let source = try checkpoint("nemotron_h-a-h72-i82-q6kv3-bf16", shape: ",2,2]")
        let error = try #require(throws: WeightsError.self) {
            _ = try Importer.run(
                source: source, destination: folder.path("model.h5"), encoding: .keep, programVersion: "test")
        }
        #expect(error.description.contains("conv1d.weight' is [132, 2, 2], the config says [132, 1, 4]"), "\(error)")
    }

    @Test func oneOfThemAmongOthersIsRefused() throws {
        let source = try checkpoint("qwen3_next-a-h72-i82-q6kv3-e5-bf16", shape: ",4,1]", most: 1)
        let error = try #require(throws: WeightsError.self) { _ = try tensors(source) }
        #expect(
            error.description.contains("conv1d.weight': expected a convolution of [132, 4, 1], as others"), "\(error)")
    }

    /// A checkpoint of the reference, the last two dimensions of its convolutions changed; returns its folder.
    private func checkpoint(_ name: String, shape: String, most: Int = .max) throws -> String {
        let (source, target) = (Reference.source(name), URL(fileURLWithPath: folder.path("")))
        for file in ["config.json", "tokenizer.json"] {
            try FileManager.default.copyItem(
                at: source.appendingPathComponent(file), to: target.appendingPathComponent(file))
        }
        var weights = try Data(contentsOf: source.appendingPathComponent("model.safetensors"))
        var (place, left) = (weights.startIndex, most)
        while left > 0, let tensor = weights.range(of: Data("conv1d.weight\"".utf8), in: place..<weights.endIndex) {
            let old = try #require(weights.range(of: Data(",1,4]".utf8), in: tensor.upperBound..<weights.endIndex))
            weights.replaceSubrange(old, with: Data(shape.utf8))
            (place, left) = (old.upperBound, left - 1)
        }
        try weights.write(to: target.appendingPathComponent("model.safetensors"))
        return folder.path("")
    }

    private func tensors(_ path: String) throws -> [String: any CheckpointTensor] {
        let checkpoint = try Checkpoint(path)
        return try checkpoint.tensors(for: checkpoint.blueprint()).all
    }

    /// All elements of a vector, or of a convolution, as float32.
    private static func numbers(_ tensor: any CheckpointTensor) throws -> [Float] {
        let (vector, count) = (tensor.vector ?? tensor, tensor.shape.reduce(1, *))
        let encoding = try tensor.encoding
        let converter = try #require(RowConversion.converter(from: encoding, to: .f32))
        var stored = [UInt8](repeating: 0, count: count * encoding.rowByteCount(of: encoding.parts[0], columns: 1))
        var numbers = [Float](repeating: .nan, count: count)
        try unsafe stored.withUnsafeMutableBytes { bytes in
            try unsafe vector.read(rows: 0..<count, into: [bytes])
            unsafe numbers.withUnsafeMutableBytes { target in
                _ = unsafe converter.convert(
                    rowCount: count, columns: 1, from: [UnsafeRawBufferPointer(bytes)], to: [target])
            }
        }
        return numbers
    }
}
