import Blueprint
import Testing

/// What the keys of a family of GGUF files mean, where no other family has them.
@Suite struct GGUFFamilyTests {
    /// A file whose keys are named without the family.
    private func model(
        _ family: String, _ changes: [String: ConfigurationValue?] = [:], shapes: [String: [Int]?] = [:],
        vectors: [String: [Float]] = [:]
    ) throws -> GGUFModel {
        let named = changes.map { ("\(family).\($0.key)", $0.value) }
        return try GGUFModel.small(
            family, Dictionary(uniqueKeysWithValues: named), shapes: shapes, vectors: vectors)
    }

    private func blueprint(
        _ family: String, _ changes: [String: ConfigurationValue?] = [:], shapes: [String: [Int]?] = [:],
        vectors: [String: [Float]] = [:]
    ) throws -> Blueprint {
        try Blueprint(configuration: model(family, changes, shapes: shapes, vectors: vectors).configuration)
    }

    private func message(
        _ family: String, _ changes: [String: ConfigurationValue?], vectors: [String: [Float]] = [:]
    ) throws -> String {
        try #require(#expect(throws: BlueprintError.self) { _ = try blueprint(family, changes, vectors: vectors) })
            .reason
    }

    private func windows(_ family: String, _ changes: [String: ConfigurationValue?]) throws -> [Int?] {
        try blueprint(family, changes).attentions.map(\.window)
    }

    private static let ownWindow = "attention.sliding_window"
    private static let pattern = "attention.sliding_window_pattern"

    @Test func normsThatAreStoredWithOneAddedLoseIt() throws {
        for family in ["gemma2", "gemma3"] {
            let sources = try model(family).sources
            let changed = sources.filter { $0.value.change == .lessOne }.map(\.value.name)
            #expect(
                Set(changed) == [
                    "output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "blk.1.attn_norm.weight",
                    "blk.1.ffn_norm.weight",
                ])
            #expect(sources["model.layers.1.pre_feedforward_layernorm.weight"]?.name == "blk.1.ffn_norm.weight")
        }
        for family in ["llama", "granite", "olmo2", "phi3"] {
            let changes: [String: ConfigurationValue?] = family == "granite" ? ["logit_scale": .real(8)] : [:]
            #expect(try model(family, changes).sources.values.allSatisfy { $0.change == .none })
        }
    }

    @Test func windowsComeInPeriodsThatTheFileMayState() throws {
        let many: [String: ConfigurationValue?] = ["block_count": .integer(7), Self.ownWindow: .integer(32)]
        let gemma2 = try windows("gemma2", many)
        #expect(gemma2 == [32, nil, 32, nil, 32, nil, 32])
        #expect(try windows("gemma2", ["block_count": .integer(2)]) == [4096, nil])
        #expect(try windows("gemma3", many) == [32, 32, 32, 32, 32, nil, 32])
        let three = many.merging([Self.pattern: .integer(3)]) { $1 }
        #expect(try windows("gemma3", three) == [32, 32, nil, 32, 32, nil, 32])
        let stated = [false, true, true, false, true, false, false]
        let each = many.merging([Self.pattern: .array(stated.map(ConfigurationValue.boolean))]) { $1 }
        #expect(try windows("gemma3", each) == stated.map { $0 ? 32 : nil })
        for none: [String: ConfigurationValue?] in [[:], [Self.ownWindow: .integer(0)]] {
            #expect(try windows("gemma3", none.merging(["block_count": .integer(7)]) { $1 }).allSatisfy { $0 == nil })
        }
        let few = many.merging([Self.pattern: .array([.boolean(true)])]) { $1 }
        #expect(try message("gemma2", few).contains("'gemma2.\(Self.pattern)' to have 7 elements"))
        let text = many.merging([Self.pattern: .string("x")]) { $1 }
        #expect(try message("gemma2", text).contains("'gemma2.\(Self.pattern)' to be an array of true and false"))
        #expect(try message("gemma2", [Self.pattern: .integer(0)]).contains("'gemma2.\(Self.pattern)'"))
    }

    /// By the formula that llama.cpp has for the number of layers of the largest models.
    @Test(arguments: [("gemma2", 46), ("gemma3", 62)]) func scoresOfTheLargestModelAreDividedOtherwise(
        family: String, layers: Int
    ) throws {
        let sizes: [String: ConfigurationValue?] = [
            "embedding_length": .integer(96), "attention.key_length": .integer(16),
            "attention.value_length": .integer(16),
        ]
        func scale(_ count: Int) throws -> Float? {
            let all = sizes.merging(["block_count": .integer(count)]) { $1 }
            return try blueprint(family, all).attentions.first?.scale
        }
        #expect(try scale(layers) == 1 / Float(24).squareRoot())
        #expect(try scale(layers - 1) == 1 / Float(16).squareRoot())
    }

    @Test func capsAreThoseOfTheFile() throws {
        let usual = try blueprint("gemma2")
        #expect(usual.logitCap == 30 && usual.attentions[0].scoreCap == 50)
        let stated = try blueprint(
            "gemma2", ["attn_logit_softcapping": .real(5), "final_logit_softcapping": .real(7)])
        #expect(stated.logitCap == 7 && stated.attentions[0].scoreCap == 5)
        #expect(try blueprint("gemma3").logitCap == nil)
        #expect(try blueprint("gemma3", ["final_logit_softcapping": .real(7)]).logitCap == 7)
        #expect(try message("gemma2", ["attn_logit_softcapping": .real(0)]).contains("'gemma2.attn_logit_softcapping'"))
    }

    @Test func layersWithAWindowTurnByFrequenciesOfTheirOwn() throws {
        let changes: [String: ConfigurationValue?] = [
            "block_count": .integer(6), Self.ownWindow: .integer(32), "rope.freq_base": .real(1e6),
            "rope.scaling.type": .string("linear"), "rope.scaling.factor": .real(8),
        ]
        let rotaries = try blueprint("gemma3", changes).attentions.map(\.rotary)
        #expect(rotaries[5] == Rotary(size: 16, theta: 1e6, scaling: .linear(factor: 8)))
        #expect(rotaries[..<5].allSatisfy { $0 == Rotary(size: 16, theta: 10_000) })
        let stated = try blueprint("gemma3", changes.merging(["rope.freq_base_swa": .real(500)]) { $1 })
        #expect(stated.attentions[0].rotary == Rotary(size: 16, theta: 500))
    }

    @Test func multipliersAreThoseOfTheFile() throws {
        let usual = try blueprint("granite", ["logit_scale": .real(8)])
        #expect(usual.attentions[0].scale == 0.25 && usual.embeddingFactor == 1 && usual.logitFactor == 0.125)
        let changes: [String: ConfigurationValue?] = [
            "logit_scale": .real(8), "attention.scale": .real(0.5), "embedding_scale": .real(12),
            "residual_scale": .real(0.25),
        ]
        let stated = try blueprint("granite", changes)
        #expect(stated.attentions[0].scale == 0.5 && stated.embeddingFactor == 12)
        #expect(stated.layers.flatMap(\.branches).allSatisfy { $0.factor == 0.25 })
        #expect(try model("granite", changes).sources.values.filter { $0.order == .paired(headSize: 16) }.count == 4)
        #expect(try message("granite", [:]).contains("'granite.logit_scale'"))
        let still = try message("granite", ["logit_scale": .real(8), "rope.scaling.finetuned": .boolean(false)])
        #expect(still.contains("'granite.rope.scaling.finetuned' to be true, found false"))
    }

    /// Files of a generation with states, of models without any: their keys are there all the same.
    @Test func keysOfStatesThatThereAreNotDoNoHarm() throws {
        let plain: [String: ConfigurationValue?] = ["logit_scale": .real(8)]
        var keys = plain
        keys["attention.head_count_kv"] = .array([.integer(2), .integer(2)])
        keys["expert_shared_feed_forward_length"] = .integer(96)
        for key in ["conv_kernel", "state_size", "group_count", "inner_size", "time_step_rank"] {
            keys["ssm.\(key)"] = .integer(4)
        }
        #expect(try blueprint("granite", keys) == blueprint("granite", plain))
        let mixed = keys.merging(["attention.head_count_kv": .array([.integer(2), .integer(0)])]) { $1 }
        #expect(try message("granite", mixed).contains("'granite.attention.head_count_kv' to be the same number"))
        let hybrid = try #require(
            #expect(throws: BlueprintError.self) {
                _ = try blueprint("granite", keys, shapes: ["blk.0.ssm_in.weight": [64, 64]])
            })
        #expect(hybrid.reason.contains("granite.ssm."))
    }

    private static let long: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
    private static let short: [Float] = [1, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875]
    private static let longName = "rope_factors_long.weight"
    private static let shortName = "rope_factors_short.weight"

    @Test func longContextsTurnByTheFactorsOfTheFile() throws {
        let vectors = [Self.longName: Self.long, Self.shortName: Self.short]
        let original: [String: ConfigurationValue?] = ["rope.scaling.original_context_length": .integer(1024)]
        let shapes: [String: [Int]?] = [Self.longName: [8], Self.shortName: [8]]
        let rotary = try blueprint("phi3", original, shapes: shapes, vectors: vectors).attentions[0].rotary
        #expect(rotary.scaling == .byPair(short: Self.short, long: Self.long, originalContext: 1024))
        // The square root of 1 + ln(4096 / 1024) / ln(1024).
        #expect(rotary.attentionFactor == Float(1.2).squareRoot())
        let stated = original.merging(["rope.scaling.attn_factor": .real(1.5)]) { $1 }
        #expect(try blueprint("phi3", stated, vectors: vectors).attentions[0].rotary.attentionFactor == 1.5)
        let sources = try model("phi3", original, shapes: shapes, vectors: vectors).sources
        #expect(sources.keys.allSatisfy { !$0.hasPrefix("rope_factors") })
        let key = "'phi3.rope.scaling.original_context_length'"
        #expect(try message("phi3", [:], vectors: vectors).contains(key))
        let one = try message("phi3", original, vectors: [Self.longName: Self.long])
        #expect(one.contains("tensors '\(Self.longName)' and '\(Self.shortName)', found the first only"))
        let none = try message("phi3", ["rope.scaling.type": .string("longrope")])
        #expect(none.contains("found neither"))
        let both = original.merging(
            ["rope.scaling.type": .string("linear"), "rope.scaling.factor": .real(4)]) { $1 }
        #expect(try message("phi3", both, vectors: vectors).contains("either '\(Self.longName)' or"))
    }

    /// Any share of a head may turn, however it is rounded: the reference multiplies it by the head's size.
    @Test func everyNumberOfTurningChannelsComesBack() throws {
        for size in stride(from: 2, through: 256, by: 2) {
            let sizes: [String: ConfigurationValue?] = [
                "attention.key_length": .integer(size), "attention.value_length": .integer(size),
            ]
            for turning in stride(from: 2, through: size, by: 2) {
                let changes = sizes.merging(["rope.dimension_count": .integer(turning)]) { $1 }
                let found = try blueprint("phi3", changes).attentions[0].rotary.size
                guard found == turning else {
                    Issue.record("\(turning) of \(size): \(found)")
                    return
                }
            }
        }
    }

    @Test func fusedTensorsHaveTheNamesOfTheCheckpoint() throws {
        let sources = try model("phi3", shapes: ["blk.0.attn_qkv.weight": [128, 64]]).sources
        #expect(sources["model.layers.0.self_attn.qkv_proj.weight"]?.name == "blk.0.attn_qkv.weight")
        #expect(sources["model.layers.0.mlp.gate_up_proj.weight"]?.name == "blk.0.ffn_up.weight")
        #expect(try windows("phi3", [Self.ownWindow: .integer(0)]) == [nil, nil])
        #expect(try windows("phi3", [Self.ownWindow: .integer(2047)]) == [2047, 2047])
    }

    @Test func layerNormsHaveTheirOwnKey() throws {
        let epsilon = "attention.layer_norm_epsilon"
        let changes: [String: ConfigurationValue?] = [
            "attention.layer_norm_rms_epsilon": nil, epsilon: .real(1e-4),
        ]
        let plain = try blueprint("starcoder2", changes)
        #expect(plain.finalNorm.epsilon == 1e-4 && plain.attentions[0].query.bias == nil)
        let biased = try blueprint("starcoder2", changes, shapes: ["blk.0.attn_q.bias": [64]])
        #expect(biased.attentions[0].query.bias != nil && biased.attentions[0].window == nil)
        #expect(try windows("starcoder2", changes.merging([Self.ownWindow: .integer(64)]) { $1 }) == [64, 64])
        let absent = try message("starcoder2", ["attention.layer_norm_rms_epsilon": nil])
        #expect(absent.contains("'starcoder2.\(epsilon)'"))
    }

    /// The generation after has the same name.
    @Test func windowsOfAFamilyWithoutAnyAreRefused() throws {
        #expect(try windows("olmo2", [Self.ownWindow: .integer(0)]) == [nil, nil])
        let message = try message("olmo2", [Self.ownWindow: .integer(4096)])
        #expect(message.contains("'olmo2.\(Self.ownWindow)' to be 0, found 4096"))
    }
}
