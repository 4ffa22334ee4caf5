import Foundation
import Launching
import Testing
import Weights

/// Models with states as mlx-lm writes them: convolutions lie the other way, and more is different.
@Suite struct TurnedConvolutionTests {
    @Test(arguments: ["qwen3_next-a-h72-i82-q6kv3-e5-bf16", "nemotron_h-a-h72-i82-q6kv3-bf16"])
    func theyAreRefusedByWhatTheyAre(name: String) throws {
        let folder = try TemporaryFolder()
        let (source, target) = (Reference.source(name), URL(fileURLWithPath: folder.path("")))
        for file in ["config.json", "tokenizer.json"] {
            try FileManager.default.copyItem(
                at: source.appendingPathComponent(file), to: target.appendingPathComponent(file))
        }
        var weights = try Data(contentsOf: source.appendingPathComponent("model.safetensors"))
        let tensor = try #require(weights.range(of: Data("conv1d.weight\"".utf8)))
        let shape = try #require(weights.range(of: Data(",1,4]".utf8), in: tensor.upperBound..<weights.endIndex))
        weights.replaceSubrange(shape, with: Data(",4,1]".utf8))
        try weights.write(to: target.appendingPathComponent("model.safetensors"))
        let error = try #require(throws: WeightsError.self) {
            _ = try Importer.run(
                source: folder.path(""), destination: folder.path("model.h5"), encoding: .keep, programVersion: "test")
        }
        #expect(error.description.contains("conv1d.weight': expected a convolution of ["), "\(error)")
        #expect(error.description.contains(", 4, 1], as mlx-lm writes them; MLX checkpoints"), "\(error)")
    }
}
