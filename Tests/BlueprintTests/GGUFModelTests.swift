import Blueprint
import Foundation
import Testing

/// Metadata and shapes of GGUF files in the words of config.json.
@Suite struct GGUFModelTests {
    private static let layerShapes: [String: [Int]] = [
        "attn_norm.weight": [64], "attn_q.weight": [64, 64], "attn_k.weight": [32, 64], "attn_v.weight": [32, 64],
        "attn_output.weight": [64, 64], "ffn_norm.weight": [64], "ffn_gate.weight": [96, 64],
        "ffn_up.weight": [96, 64],
        "ffn_down.weight": [64, 96],
    ]

    /// A file of two layers, with some keys and tensors replaced, or removed where the new value is nil.
    private func model(
        _ family: String = "llama", _ changes: [String: ConfigurationValue?] = [:], shapes: [String: [Int]?] = [:],
        factors: [Float]? = nil
    ) throws -> GGUFModel {
        var metadata: [String: ConfigurationValue] = [
            "general.architecture": .string(family), "general.file_type": .integer(7), "other.key": .string("x"),
            "\(family).context_length": .integer(4096), "\(family).embedding_length": .integer(64),
            "\(family).block_count": .integer(2), "\(family).feed_forward_length": .integer(96),
            "\(family).attention.head_count": .integer(4), "\(family).attention.head_count_kv": .integer(2),
            "\(family).attention.layer_norm_rms_epsilon": .real(1e-5), "\(family).vocab_size": .integer(100),
            "\(family).rope.dimension_count": .integer(16), "\(family).rope.freq_base": .real(500_000),
            "tokenizer.ggml.eos_token_id": .integer(7),
        ]
        for (key, value) in changes { metadata[key] = value }
        var all: [String: [Int]] = [
            "token_embd.weight": [100, 64], "output_norm.weight": [64], "output.weight": [100, 64],
        ]
        for layer in 0..<2 { for (name, shape) in Self.layerShapes { all["blk.\(layer).\(name)"] = shape } }
        for (name, shape) in shapes { all[name] = shape }
        return try GGUFModel(metadata: metadata, shapes: all, frequencyFactors: factors)
    }

    private func blueprint(_ model: GGUFModel) throws -> Blueprint { try Blueprint(configuration: model.configuration) }

    private func message(_ changes: [String: ConfigurationValue?], shapes: [String: [Int]?] = [:]) throws -> String {
        try #require(
            #expect(throws: BlueprintError.self) { _ = try blueprint(model("llama", changes, shapes: shapes)) }
        )
        .reason
    }

    @Test func theConfigSaysWhatTheFileSays() throws {
        let model = try model()
        let blueprint = try blueprint(model)
        #expect(blueprint.width == 64 && blueprint.vocabulary == 100 && blueprint.layers.count == 2)
        #expect(blueprint.maximumContext == 4096 && blueprint.endTokens == [7] && !blueprint.isTied)
        let attention = try #require(blueprint.attentions.first)
        #expect(attention.heads == 4 && attention.keyValueHeads == 2 && attention.headSize == 16)
        #expect(attention.rotary == Rotary(size: 16, theta: 500_000) && attention.window == nil)
        #expect(blueprint.finalNorm.epsilon == 1e-5)
        #expect(Set(model.sources.keys) == Set(blueprint.weights.map(\.name)))
        #expect(try self.blueprint(self.model("llama", [:], shapes: ["output.weight": nil])).isTied)
    }

    @Test func anyTextOfTheFileComesBackFromTheConfig() throws {
        let text = "li\"near\\ \n\u{1}é\u{1F600}"
        let changes: [String: ConfigurationValue?] = [
            "llama.rope.scaling.type": .string(text), "llama.rope.scaling.factor": .real(4),
        ]
        let configuration = try model("llama", changes).configuration
        let value = try JSONDecoder().decode(ConfigurationValue.self, from: Data(configuration.utf8))
        guard case .object(let members) = value, case .object(let rotary)? = members["rope_parameters"] else {
            Issue.record("\(configuration)")
            return
        }
        #expect(rotary["rope_type"] == .string(text))
        let both: ConfigurationValue = .object([text: .array([.real(1e-5), .integer(-3), .boolean(true), .null])])
        #expect(try JSONDecoder().decode(ConfigurationValue.self, from: Data(both.description.utf8)) == both)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity]) func whatIsNoNumberIsRefused(value: Double) throws {
        for key in ["llama.rope.freq_base", "llama.rope.scaling.factor", "llama.rope.scale_linear"] {
            #expect(try message([key: .real(value)]).contains("expected '\(key)' to be a number, found \(value)"))
        }
    }

    @Test func rowsOfQueriesAndKeysLieInPairsInOneFamilyOnly() throws {
        let sources = try model().sources
        let paired = sources.filter { $0.value.pairedHeadSize != nil }
        #expect(
            Set(paired.keys) == [
                "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.k_proj.weight",
                "model.layers.1.self_attn.q_proj.weight", "model.layers.1.self_attn.k_proj.weight",
            ])
        #expect(paired.values.allSatisfy { $0.pairedHeadSize == 16 })
        #expect(sources["model.layers.1.mlp.up_proj.weight"]?.name == "blk.1.ffn_up.weight")
        for family in ["qwen2", "qwen3"] {
            #expect(try model(family).sources.values.allSatisfy { $0.pairedHeadSize == nil })
        }
    }

    @Test func familiesHaveTheirOwnBiasesAndNorms() throws {
        let biases = ["q": [64], "k": [32], "v": [32]].map { ("blk.0.attn_\($0).bias", [Int]?.some($1)) }
        let biased = Dictionary(uniqueKeysWithValues: biases)
        let qwen2 = try model("qwen2", [:], shapes: biased)
        #expect(try blueprint(qwen2).attentions[0].query.bias?.name == "model.layers.0.self_attn.q_proj.bias")
        #expect(qwen2.sources["model.layers.0.self_attn.q_proj.bias"]?.name == "blk.0.attn_q.bias")
        let llama = try model("llama", [:], shapes: biased)
        #expect(try blueprint(llama).attentions[0].key.bias != nil)
        #expect(llama.sources["model.layers.0.self_attn.k_proj.bias"]?.pairedHeadSize == 16)
        let qwen3 = try model(
            "qwen3", ["qwen3.attention.key_length": .integer(32), "qwen3.rope.dimension_count": nil],
            shapes: ["blk.0.attn_q_norm.weight": [32]])
        #expect(try blueprint(qwen3).attentions[0].headSize == 32)
        #expect(qwen3.sources["model.layers.0.self_attn.q_norm.weight"]?.name == "blk.0.attn_q_norm.weight")
    }

    @Test func aWindowMakesTheFamilyThatHasOne() throws {
        let windowed = try blueprint(model("llama", ["llama.attention.sliding_window": .integer(512)]))
        #expect(windowed.attentions.allSatisfy { $0.window == 512 })
        #expect(windowed.architecture != (try blueprint(model()).architecture))
        let none = try blueprint(model("llama", ["llama.attention.sliding_window": .integer(0)]))
        #expect(none == (try blueprint(model())))
    }

    @Test func linearScalingIsReadInBothSpellings() throws {
        for changes: [String: ConfigurationValue?] in [
            ["llama.rope.scale_linear": .real(4)],
            ["llama.rope.scaling.type": .string("linear"), "llama.rope.scaling.factor": .real(4)],
        ] {
            #expect(try blueprint(model("llama", changes)).attentions[0].rotary.scaling == .linear(factor: 4))
        }
        let none = try model(
            "llama", ["llama.rope.scaling.type": .string("none"), "llama.rope.scaling.finetuned": .boolean(true)])
        #expect(try blueprint(none).attentions[0].rotary.scaling == .none)
    }

    /// Factors computed in Python by the formula of the format's converter, `1 / ((1 - smooth) / factor + smooth)`.
    struct Case: Decodable {
        var size: Int
        var theta: Double
        var factor: Float
        var original: Int
        var factors: [Float]
    }

    @Test func frequencyFactorsGiveTheScalingThatMadeThem() throws {
        let cases = try Resource.decoded("rotary_factors.json", as: [Case].self)
        #expect(cases.count == 5)
        for one in cases {
            let model = try model(
                "llama",
                [
                    "llama.attention.key_length": .integer(one.size),
                    "llama.attention.value_length": .integer(one.size),
                    "llama.rope.dimension_count": .integer(one.size), "llama.rope.freq_base": .real(one.theta),
                ],
                shapes: [
                    "blk.0.attn_q.weight": [4 * one.size, 64], "blk.0.attn_k.weight": [2 * one.size, 64],
                    GGUFModel.frequencyFactorsName: [one.size / 2],
                ],
                factors: one.factors)
            #expect(
                try blueprint(model).attentions[0].rotary.scaling
                    == .byWavelength(factor: one.factor, lowFactor: 1, highFactor: 4, originalContext: one.original))
            #expect(model.sources[GGUFModel.frequencyFactorsName] == nil)
        }
    }

    @Test func frequencyFactorsThatNothingComputesAreRefused() throws {
        #expect(try blueprint(model(factors: Array(repeating: 1, count: 8))).attentions[0].rotary.scaling == .none)
        for factors: [Float] in [
            Array(repeating: 1, count: 7), [1, 2, 3, 4, 5, 6, 7, 8], [8, 8, 8, 8, 8, 8, 8, 1],
            [1, 1, 1, .nan, 1, 1, 1, 1], Array(repeating: 0.5, count: 8),
        ] {
            let error = #expect(throws: BlueprintError.self) { _ = try model(factors: factors) }
            #expect(error?.reason.contains("'rope_freqs.weight' to be 8 factors") == true)
        }
    }

    @Test func whatIsNotComputedIsRefused() throws {
        let yarn = try message(["llama.rope.scaling.type": .string("yarn"), "llama.rope.scaling.factor": .real(4)])
        #expect(yarn.contains("'rope_parameters.original_max_position_embeddings'"))
        #expect(try message(["llama.rope.scaling.type": .string("yarn")]).contains("'llama.rope.scaling.factor'"))
        #expect(try message(["llama.expert_count": .integer(8)]).contains("'llama.expert_count' to be 0, found 8"))
        #expect(try message(["llama.attention.causal": .boolean(false)]).contains("'llama.attention.causal'"))
        #expect(try message(["llama.rope.dimension_count": .integer(8)]).contains("'partial_rotary_factor'"))
        #expect(try message(["llama.attention.value_length": .integer(8)]).contains("'attention.value_length'"))
        #expect(try message(["llama.logit_scale": .real(2)]).contains("found 'llama.logit_scale'"))
        #expect(try message(["general.type": .string("adapter")]).contains("'general.type'"))
        #expect(try message(["general.architecture": .string("bert")]).contains("llama, qwen2, qwen3"))
        #expect(try message([:], shapes: ["blk.0.attn_q.weight": [62, 64]]).contains("an even number of rows"))
        #expect(try message(["llama.embedding_length": .string("64")]).contains("an integer"))
    }
}
