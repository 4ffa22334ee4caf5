import Blueprint
import Testing

@Suite struct CheckpointTests {
    static let folders = [
        "alice", "llama-a-h84-i82-q7kv1-f32", "llama-b-h96-i410-q12kv2-bf16", "mistral-a-h72-i82-q6kv3-bf16",
        "qwen2-a-h84-i82-q7kv1-bf16", "qwen2-b-h96-i410-q12kv2-f32", "qwen3-a-h72-i82-q7kv1-bf16",
        "qwen3-b-h96-i410-q12kv2-f32",
    ]

    @Test(arguments: folders)
    func blueprintsNameExactlyTheTensorsOfTheirCheckpoints(folder: String) throws {
        let blueprint = try Resource.blueprint("reference/\(folder)/config.json")
        let stored = try Resource.decoded("reference/\(folder)/shapes.json", as: [String: [Int]].self)
        let weights = blueprint.weights
        #expect(Set(weights.map(\.name)).count == weights.count)
        #expect(Dictionary(weights.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first }) == stored)
        #expect(blueprint.parameterCount == stored.values.reduce(0) { $0 + $1.reduce(1, *) })
    }

    @Test(arguments: folders)
    func everyAxisIsCountedInUnitsOfItsWeights(folder: String) throws {
        for weight in try Resource.blueprint("reference/\(folder)/config.json").weights {
            switch weight.distribution {
            case .replicated: #expect(weight.isVector)
            case .rows(let axis, let perUnit): #expect(axis.count * perUnit == weight.rows)
            case .columns(let axis, let perUnit): #expect(axis.count * perUnit == weight.columns)
            }
        }
    }

    @Test func windowsBeginAtTheFirstWindowedLayer() throws {
        let windows = try Self.windows("qwen2-b-h96-i410-q12kv2-f32")
        #expect(windows == [nil, nil, 50, 50])
    }

    @Test func aWindowThatIsNotSwitchedOnIsNone() throws {
        #expect(try Self.windows("qwen3-b-h96-i410-q12kv2-f32") == [nil, nil, nil])
    }

    @Test func layerTypesSayWhichLayersAreWindowed() throws {
        let types = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
        let windows = try Self.windows(
            "qwen2-b-h96-i410-q12kv2-f32", changing: ["layer_types": .array(types.map(ConfigurationValue.string))])
        #expect(windows == [nil, 50, nil, 50])
    }

    @Test func everyLayerOfMistralHasTheWindowOrNoneHas() throws {
        let folder = "mistral-a-h72-i82-q6kv3-bf16"
        #expect(try Self.windows(folder) == [37, 37, 37, 37])
        #expect(try Self.windows(folder, changing: ["sliding_window": .null]) == [nil, nil, nil, nil])
        #expect(try Self.windows(folder, changing: ["sliding_window": nil]) == [4096, 4096, 4096, 4096])
    }

    @Test func anEmbeddingThatServesAsHeadIsNamedOnce() throws {
        let blueprint = try Resource.blueprint("reference/alice/config.json")
        #expect(blueprint.isTied && blueprint.untiedHead == nil)
        #expect(blueprint.head == blueprint.embedding)
        #expect(blueprint.ignores("lm_head.weight"))
        #expect(!blueprint.ignores("model.embed_tokens.weight"))
    }

    static func windows(_ folder: String, changing changes: [String: ConfigurationValue?] = [:]) throws -> [Int?] {
        let blueprint = try Resource.blueprint("reference/\(folder)/config.json", changing: changes)
        return blueprint.layers.flatMap(\.branches).compactMap { branch -> Int?? in
            switch branch.mixer {
            case .attention(let attention): .some(attention.window)
            case .mlp, .experts, .deltaNet, .stateSpace: nil
            }
        }
    }
}
