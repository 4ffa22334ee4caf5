import Blueprint
import Foundation
import Testing

/// Metadata and shapes of GGUF files in the words of config.json.
@Suite struct GGUFModelTests {
    private func model(
        _ family: String = "llama", _ changes: [String: ConfigurationValue?] = [:], shapes: [String: [Int]?] = [:],
        factors: [Float]? = nil
    ) throws -> GGUFModel {
        let vectors = factors.map { [GGUFModel.frequencyFactorsName: $0] }
        return try GGUFModel.small(family, changes, shapes: shapes, vectors: vectors ?? [:])
    }

    /// The same with 5 experts in each layer, of which a token chooses 2.
    private func mixture(
        _ family: String, _ changes: [String: ConfigurationValue?] = [:], width: Int
    ) throws -> GGUFModel {
        var shapes: [String: [Int]?] = [:]
        for layer in 0..<2 {
            let prefix = "blk.\(layer).ffn_"
            for name in ["gate", "up", "down"] { shapes["\(prefix)\(name).weight"] = .some(nil) }
            shapes["\(prefix)gate_inp.weight"] = [5, 64]
            for name in ["gate", "up"] { shapes["\(prefix)\(name)_exps.weight"] = [5, width, 64] }
            shapes["\(prefix)down_exps.weight"] = [5, 64, width]
        }
        let counts: [String: ConfigurationValue?] = [
            "\(family).expert_count": .integer(5), "\(family).expert_used_count": .integer(2),
        ]
        return try model(family, counts.merging(changes) { $1 }, shapes: shapes)
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
            let number = ConfigurationValue.real(value)
            #expect(try message([key: number]).contains("expected '\(key)' to be a number, found \(number)"))
        }
    }

    @Test func rowsOfQueriesAndKeysLieInPairsInOneFamilyOnly() throws {
        let sources = try model().sources
        let paired = sources.filter { $0.value.order != .same }
        #expect(
            Set(paired.keys) == [
                "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.k_proj.weight",
                "model.layers.1.self_attn.q_proj.weight", "model.layers.1.self_attn.k_proj.weight",
            ])
        #expect(paired.values.allSatisfy { $0.order == .paired(headSize: 16) })
        #expect(sources["model.layers.1.mlp.up_proj.weight"]?.name == "blk.1.ffn_up.weight")
        for family in ["qwen2", "qwen3"] {
            #expect(try model(family).sources.values.allSatisfy { $0.order == .same })
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
        #expect(llama.sources["model.layers.0.self_attn.k_proj.bias"]?.order == .paired(headSize: 16))
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

    private func experts(_ model: GGUFModel) throws -> [Experts] {
        try blueprint(model).layers.flatMap(\.branches).compactMap {
            if case .experts(let experts) = $0.mixer { experts } else { nil }
        }
    }

    /// The names by which the file has the tensors of every weight.
    private func used(_ model: GGUFModel) throws -> Set<String> {
        var names: Set<String> = []
        for weight in try blueprint(model).weights {
            let known = weight.sourceNames.filter { model.sources[$0] != nil }
            #expect(known.count == 1, "\(weight.name)")
            let source = weight.sources.first { $0.name == known.first }
            #expect(source == nil || source?.shape == [5] + weight.shape, "\(weight.name)")
            names.formUnion(known)
        }
        return names
    }

    @Test func expertsMakeTheFamilyThatHasThem() throws {
        let model = try mixture("llama", width: 96)
        let dense = try blueprint(self.model())
        let blueprint = try blueprint(model)
        #expect(blueprint.architecture != dense.architecture && blueprint.attentions == dense.attentions)
        let experts = try experts(model)
        #expect(experts.count == 2 && experts.allSatisfy { $0.memberAxis.count == 5 && $0.axis.count == 96 })
        let router = experts[0].router
        #expect(router.scoring == .softmax && router.isNormalized && router.chosenCount == 2 && router.factor == 1)
        #expect(try used(model) == Set(model.sources.keys))
        let stacked = model.sources.values.filter { $0.name.hasSuffix("_exps.weight") }
        #expect(stacked.count == 6 && stacked.allSatisfy { $0.order == .same })
        #expect(model.sources["model.layers.1.self_attn.k_proj.weight"]?.order == .paired(headSize: 16))
        let window: [String: ConfigurationValue?] = ["llama.attention.sliding_window": .integer(512)]
        let windowed = try self.blueprint(mixture("llama", window, width: 96))
        #expect(windowed.architecture == blueprint.architecture && windowed.attentions.allSatisfy { $0.window == 512 })
    }

    @Test func aFamilyOfMixturesSaysHowWideItsExpertsAre() throws {
        let width = "qwen3moe.expert_feed_forward_length"
        let model = try mixture("qwen3moe", [width: .integer(24)], width: 24)
        let experts = try experts(model)
        #expect(experts.count == 2 && experts.allSatisfy { $0.memberAxis.count == 5 && $0.axis.count == 24 })
        let router = experts[0].router
        #expect(router.scoring == .softmax && router.isNormalized && router.chosenCount == 2 && router.factor == 1)
        #expect(model.sources.values.allSatisfy { $0.order == .same })
        #expect(model.sources["model.layers.1.mlp.gate.weight"]?.name == "blk.1.ffn_gate_inp.weight")
        #expect(try blueprint(model).attentions.allSatisfy { $0.queryNorm != nil })
        // Older files say how wide all chosen ones are together.
        #expect(try self.experts(mixture("qwen3moe", width: 48)).allSatisfy { $0.axis.count == 48 })
    }

    @Test func aSharedExpertHasAGateOfOneRow() throws {
        let width = "qwen2moe.expert_shared_feed_forward_length"
        let model = try mixture("qwen2moe", [width: .integer(40)], width: 48)
        let experts = try experts(model)
        #expect(experts.allSatisfy { $0.axis.count == 48 && $0.shared?.axis.count == 40 })
        #expect(experts.allSatisfy { !$0.router.isNormalized && $0.sharedGate?.shape == [1, 64] })
        #expect(try self.experts(mixture("qwen2moe", width: 48)).allSatisfy { $0.shared?.axis.count == 96 })
        for shape in [[64], [1, 64]] {
            let gate = "blk.1.ffn_gate_inp_shexp.weight"
            let counts: [String: ConfigurationValue?] = [
                "qwen2moe.expert_count": .integer(5), "qwen2moe.expert_used_count": .integer(2),
            ]
            let source = try self.model("qwen2moe", counts, shapes: [gate: shape]).sources[
                "model.layers.1.mlp.shared_expert_gate.weight"]
            #expect(source?.name == gate && source?.shape == [1, 64])
        }
    }

    @Test func otherWaysToChooseExpertsAreRefused() throws {
        func message(_ family: String, _ changes: [String: ConfigurationValue?]) throws -> String {
            let named = changes.map { ("\(family).\($0.key)", $0.value) }
            let all = Dictionary(uniqueKeysWithValues: named)
            let error = #expect(throws: BlueprintError.self) {
                _ = try blueprint(mixture(family, all, width: 96))
            }
            return try #require(error).reason
        }
        for family in ["llama", "qwen3moe"] {
            func refuses(_ key: String, _ value: ConfigurationValue?, _ expected: String) throws {
                #expect(try message(family, [key: value]).contains("'\(family).\(key)'\(expected)"))
            }
            try refuses("expert_used_count", nil, "")
            try refuses("expert_gating_func", .integer(2), " to be 1, found 2")
            try refuses("expert_weights_norm", .boolean(false), " to be true, found false")
            try refuses("expert_weights_scale", .real(2.5), " to be 0.0 or 1.0, found 2.5")
            try refuses("expert_group_count", .integer(4), " to be 0 or 1, found 4")
            try refuses("expert_shared_count", .integer(1), " to be 0, found 1")
            try refuses("expert_shared_feed_forward_length", .integer(64), " to be 0, found 64")
            try refuses("leading_dense_block_count", .integer(1), " to be 0, found 1")
            let tooMany = try message(family, ["expert_used_count": .integer(6)])
            #expect(tooMany.contains("to be at most the number of experts, 5"))
        }
        let width = "expert_feed_forward_length"
        #expect(try message("llama", [width: .integer(8)]).contains("found 'llama.\(width)'"))
        let none = try message("llama", ["expert_count": .integer(0)])
        #expect(none.contains("'llama.expert_used_count' to be 0, found 2"))
        let normalized = try message("qwen2moe", ["expert_weights_norm": .boolean(true)])
        #expect(normalized.contains("'qwen2moe.expert_weights_norm' to be false, found true"))
        #expect(try message("qwen2", [:]).contains("'qwen2.expert_count' to be 0, found 5"))
        for count: ConfigurationValue? in [nil, .integer(0)] {
            #expect(try message("qwen3moe", ["expert_count": count]).contains("'qwen3moe.expert_count'"))
        }
        #expect(try message("qwen3moe", ["attention.sliding_window": .integer(8)]).contains("sliding_window"))
    }

    /// Files of before April 2024, and those of a converter that was asked to join gates and ups.
    @Test(arguments: ["blk.0.ffn_gate.0.weight", "blk.0.ffn_gate_up_exps.weight"])
    func otherTensorsOfExpertsAreRefusedByName(name: String) throws {
        let message = try message(
            ["llama.expert_count": .integer(4), "llama.expert_used_count": .integer(2)], shapes: [name: [82, 64]])
        #expect(message.contains("'tensors of experts' to be one for the gates of a layer"), "\(message)")
        #expect(message.contains("found '\(name)'"), "\(message)")
    }

    @Test func choosingExpertsAsAllDoMayBeSaid() throws {
        let said = try mixture(
            "llama",
            [
                "llama.expert_gating_func": .integer(1), "llama.expert_weights_norm": .boolean(true),
                "llama.expert_weights_scale": .real(1), "llama.expert_group_count": .integer(1),
                "llama.expert_group_used_count": .integer(1), "llama.expert_shared_count": .integer(0),
                "llama.expert_shared_feed_forward_length": .integer(0), "llama.leading_dense_block_count": .integer(0),
            ], width: 96)
        #expect(try blueprint(said) == blueprint(mixture("llama", width: 96)))
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
        #expect(try message(["llama.attention.causal": .boolean(false)]).contains("'llama.attention.causal'"))
        let partial = try message(["llama.rope.dimension_count": .integer(8)])
        #expect(partial.contains("'rope_parameters.partial_rotary_factor'"))
        #expect(try message(["llama.attention.value_length": .integer(8)]).contains("'attention.value_length'"))
        #expect(try message(["llama.logit_scale": .real(2)]).contains("found 'llama.logit_scale'"))
        #expect(try message(["general.type": .string("adapter")]).contains("'general.type'"))
        #expect(try message(["general.architecture": .string("bert")]).contains("llama, qwen2, qwen3"))
        #expect(try message([:], shapes: ["blk.0.attn_q.weight": [62, 64]]).contains("an even number of rows"))
        #expect(try message(["llama.embedding_length": .string("64")]).contains("an integer"))
    }
}
