import Blueprint
import Foundation
import Launching
import Testing
import Weights

@Suite struct CheckpointReviewTests {
    private let folder: TemporaryFolder
    private let output: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        output = try TemporaryFolder()
    }

    /// The message of an import that must fail and leave nothing behind.
    private func message() throws -> String {
        let error = try #require(throws: WeightsError.self) {
            _ = try Importer.run(
                source: folder.path(""), destination: output.path("model.h5"), encoding: .keep, programVersion: "0.0.1")
        }
        #expect(try output.names() == [])
        return error.description
    }

    @Test func missingTensorsAreNamed() throws {
        try SampleModel().write(to: folder) { $0.removeAll { $0.weight.name == "model.layers.1.mlp.up_proj.weight" } }
        #expect(try message().contains("asks for: 'model.layers.1.mlp.up_proj.weight', found none"))
    }

    @Test func manyMissingTensorsAreCounted() throws {
        try SampleModel().write(to: folder) { $0.removeAll { $0.weight.name.contains("layers.0") } }
        #expect(try message().contains("and 4 more"))
    }

    @Test func unexpectedTensorsAreNamed() throws {
        try SampleModel().write(to: folder) { $0[1].weight.name = "model.layers.0.surprise" }
        #expect(try message().contains("asks for"))
        try SampleModel().write(to: folder) { tensors in
            tensors.append(tensors[1])
            tensors[tensors.count - 1].weight.name = "model.layers.0.surprise"
        }
        #expect(try message().contains("found also 'model.layers.0.surprise'"))
    }

    @Test func scalesOfWhichTheConfigSaysNothingPointToIt() throws {
        try SampleModel().write(to: folder) { tensors in
            tensors.append(tensors[1])
            tensors[tensors.count - 1].weight.name = "model.layers.0.mlp.up_proj.scales"
        }
        #expect(
            try message().contains(
                "config.json: expected 'quantization', as there is 'model.layers.0.mlp.up_proj.scales', found none"))
    }

    @Test func tensorsWithoutEffectAreListedAndLeftOut() throws {
        let name = "model.layers.0.self_attn.rotary_emb.inv_freq"
        try SampleModel().write(to: folder) { tensors in
            tensors.append(tensors[1])
            tensors[tensors.count - 1].weight.name = name
        }
        let summary = try Importer.run(
            source: folder.path(""), destination: output.path("model.h5"), encoding: .keep, programVersion: "0.0.1")
        #expect(summary.ignored == [name])
        #expect(try WeightsFile(path: output.path("model.h5")).tensor(name) == nil)
    }

    @Test func anotherShapeIsRefusedWithBoth() throws {
        try SampleModel().write(to: folder) { tensors in
            tensors[0].weight.shape = [48, 101]
        }
        let expected =
            "model.safetensors: 'model.embed_tokens.weight' is [48, 101], the config says [101, 48]; "
            + "download the checkpoint again"
        #expect(try message().hasSuffix(expected))
    }

    @Test(arguments: ["I16", "U16"])
    func otherElementTypesAreRefusedByName(type: String) throws {
        try SampleModel().write(to: folder) { $0[2].type = type }
        let message = try message()
        #expect(message.contains("elements in F32, F16 or BF16, found \(type)"))
        #expect(message.contains("'model.layers.0.self_attn.q_proj.weight': "))
    }

    @Test func aConfigThatIsNotUnderstoodIsRefusedFirst() throws {
        try folder.write("config.json", "{\"architectures\": [\"UnheardOfForCausalLM\"]}")
        #expect(try message().contains("UnheardOfForCausalLM"))
    }
}
