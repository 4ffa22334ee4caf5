import Blueprint
import Testing

/// Metadata of GGUF files of gpt-oss, GLM 4.5 and DeepSeek in the words of config.json.
@Suite struct GGUFRoutingTests {
    private typealias Changes = [String: ConfigurationValue?]

    private static let common: [String: ConfigurationValue] = [
        "context_length": .integer(4096), "embedding_length": .integer(64), "block_count": .integer(4),
        "feed_forward_length": .integer(96), "attention.head_count": .integer(4),
        "attention.layer_norm_rms_epsilon": .real(1e-5), "rope.freq_base": .real(10_000),
        "expert_count": .integer(8), "expert_used_count": .integer(2), "expert_feed_forward_length": .integer(32),
    ]
    private static let glm = common.merging([
        "attention.head_count_kv": .integer(2), "attention.key_length": .integer(16),
        "attention.value_length": .integer(16), "rope.dimension_count": .integer(8),
        "expert_shared_count": .integer(2), "leading_dense_block_count": .integer(1),
        "expert_weights_scale": .real(2.5), "expert_weights_norm": .boolean(true), "nextn_predict_layers": .integer(1),
    ]) { $1 }
    private static let deepSeek = common.merging([
        "attention.head_count_kv": .integer(1), "attention.kv_lora_rank": .integer(32),
        "attention.key_length": .integer(40), "attention.value_length": .integer(32),
        "attention.key_length_mla": .integer(24), "attention.value_length_mla": .integer(12),
        "rope.dimension_count": .integer(8), "expert_shared_count": .integer(1),
        "leading_dense_block_count": .integer(1), "expert_gating_func": .integer(2),
    ]) { $1 }
    private static let gptOss = common.merging([
        "attention.head_count_kv": .integer(2), "attention.key_length": .integer(16),
        "attention.value_length": .integer(16), "attention.sliding_window": .integer(128),
    ]) { $1 }
    private static let yarn: Changes = [
        "rope.scaling.type": .string("yarn"), "rope.scaling.factor": .real(8),
        "rope.scaling.original_context_length": .integer(512),
    ]

    /// A file of four layers, with some keys replaced, or removed where the new value is nil.
    private func model(_ family: String, _ changes: Changes = [:], tensors: [String] = []) throws -> GGUFModel {
        var keys = ["glm4moe": Self.glm, "deepseek2": Self.deepSeek, "gpt-oss": Self.gptOss][family] ?? [:]
        for (key, value) in changes { keys[key] = value }
        var metadata = Dictionary(uniqueKeysWithValues: keys.map { ("\(family).\($0)", $1) })
        metadata["general.architecture"] = .string(family)
        var shapes = ["token_embd.weight": [100, 64], "output_norm.weight": [64], "output.weight": [100, 64]]
        for name in tensors { shapes[name] = [64] }
        return try GGUFModel(metadata: metadata, shapes: shapes)
    }

    private func blueprint(
        _ family: String, _ changes: Changes = [:], tensors: [String] = []
    ) throws -> Blueprint {
        try Blueprint(configuration: model(family, changes, tensors: tensors).configuration)
    }

    private func message(_ family: String, _ changes: Changes) throws -> String {
        try #require(#expect(throws: BlueprintError.self) { _ = try blueprint(family, changes) }).reason
    }

    private func experts(_ blueprint: Blueprint) -> [Experts] {
        blueprint.layers.flatMap(\.branches).compactMap {
            if case .experts(let experts) = $0.mixer { experts } else { nil }
        }
    }

    @Test func theLastLayersOfAllPredictFurtherTokensAndAreLeftOut() throws {
        let names = ["attn_q.weight", "nextn.eh_proj.weight", "nextn.shared_head_norm.weight", "exp_probs_b.bias"]
        let tensors = names.map { "blk.3.\($0)" }
        let model = try model("glm4moe", tensors: tensors)
        let blueprint = try Blueprint(configuration: model.configuration)
        #expect(blueprint.layers.count == 3 && experts(blueprint).count == 2)
        for tensor in tensors {
            let name = try #require(model.sources.first { $0.value.name == tensor }).key
            #expect(blueprint.ignores(name), "\(tensor) is \(name)")
        }
        #expect(try self.blueprint("glm4moe", ["nextn_predict_layers": nil]).layers.count == 4)
        // Any other layer beyond the last is one too many, and one that is like the others is none to leave out.
        let fewer = try self.model("glm4moe", ["block_count": .integer(3)], tensors: ["blk.3.attn_q.weight"])
        let beyond = try #require(fewer.sources.first { $0.value.name == "blk.3.attn_q.weight" }).key
        #expect(try !Blueprint(configuration: fewer.configuration).ignores(beyond), "\(beyond)")
        let alike = try #require(
            #expect(throws: BlueprintError.self) { _ = try self.model("glm4moe", tensors: ["blk.3.attn_q.weight"]) })
        #expect(alike.reason.contains("layer 3 to have tensors 'blk.3.nextn...'"), "\(alike.reason)")
        let message = try message("glm4moe", ["nextn_predict_layers": .integer(4)])
        #expect(message.contains("'glm4moe.nextn_predict_layers' to be less than 'block_count', 4, found 4"))
    }

    @Test func sigmoidsChooseExpertsAsTheFileSays() throws {
        let mixture = try #require(experts(blueprint("glm4moe")).first)
        let router = mixture.router
        #expect(router.scoring == .sigmoid && router.isNormalized && router.factor == 2.5 && router.chosenCount == 2)
        #expect(router.correction?.shape == [8] && router.groupCount == 1)
        #expect(mixture.axis.count == 32 && mixture.shared?.axis.count == 64)
        let plain: Changes = ["expert_weights_scale": .real(0), "expert_weights_norm": nil]
        let other = try #require(experts(blueprint("glm4moe", plain)).first).router
        #expect(other.factor == 1 && !other.isNormalized)
        let grouped: Changes = ["expert_group_count": .integer(4), "expert_group_used_count": .integer(2)]
        let groups = try #require(experts(blueprint("deepseek2", grouped)).first).router
        #expect(groups.groupCount == 4 && groups.chosenGroupCount == 2)
        #expect(try message("deepseek2", ["expert_group_count": .integer(4)]).contains("expert_group_used_count"))
        #expect(
            try message("glm4moe", ["expert_gating_func": .integer(1)])
                .contains("'glm4moe.expert_gating_func' to be 0 or 2, found 1"))
    }

    @Test func aPartOfEachHeadTurnsUnlessTheFileSaysNothing() throws {
        let part = try #require(blueprint("glm4moe").attentions.first)
        #expect(part.headSize == 16 && part.rotary.size == 8 && part.queryNorm == nil)
        #expect(try blueprint("glm4moe", ["rope.dimension_count": nil]).attentions.first?.rotary.size == 16)
        let normed = try blueprint("glm4moe", tensors: ["blk.0.attn_q_norm.weight", "blk.0.attn_q.bias"])
        #expect(normed.attentions.allSatisfy { $0.queryNorm != nil && $0.query.bias != nil && $0.output.bias == nil })
    }

    @Test func newerFilesSayOfHeadsWhatACacheHoldsAndOlderOnesWhatTheyAre() throws {
        let newer = try blueprint("deepseek2")
        let older = try blueprint(
            "deepseek2",
            [
                "attention.head_count_kv": .integer(4), "attention.key_length": .integer(24),
                "attention.value_length": .integer(12), "attention.key_length_mla": nil,
                "attention.value_length_mla": nil,
            ])
        #expect(newer == older)
        let latent = try #require(newer.attentions.first?.latent)
        #expect(latent.size == 32 && latent.contentSize == 16 && latent.valueSize == 12 && latent.reduction == nil)
        #expect(newer.attentions.first?.scale == Float(1 / 24.0.squareRoot()))
        let reduced = try blueprint("deepseek2", ["attention.q_lora_rank": .integer(20)])
        #expect(reduced.attentions.first?.latent?.reduction?.projection.weight.shape == [20, 64])
        for (key, held, value) in [("key_length", 40, 24), ("value_length", 32, 12)] {
            let message = try message("deepseek2", ["attention.\(key)": .integer(value)])
            #expect(message.contains("'deepseek2.attention.\(key)' to be \(held), found \(value)"))
        }
        #expect(try message("deepseek2", ["attention.key_length_mla": .integer(8)]).contains("channels that turn, 8"))
    }

    @Test func latentsAreExpandedByOneTensorOrTwo() throws {
        let latent = try #require(blueprint("deepseek2").attentions.first?.latent)
        let path = "model.layers.0.self_attn"
        #expect(latent.keyExpansion.sourceNames == ["kv_b_proj", "k_b_proj", "embed_q"].map { "\(path).\($0).weight" })
        #expect(latent.keyExpansion.sources[1].shape == [4, 32, 16])
        #expect(latent.valueExpansion.sources[1].shape == [4, 12, 32])
        let model = try model("deepseek2", tensors: ["blk.0.attn_k_b.weight", "blk.0.attn_v_b.weight"])
        #expect(model.sources["\(path).k_b_proj.weight"]?.name == "blk.0.attn_k_b.weight")
        #expect(model.sources["\(path).v_b_proj.weight"]?.name == "blk.0.attn_v_b.weight")
    }

    @Test func theFunctionThatScoresIsStatedOrThereAreCorrections() throws {
        let unstated: Changes = ["expert_gating_func": nil]
        let corrected = try blueprint("deepseek2", unstated, tensors: ["blk.1.exp_probs_b.bias"])
        #expect(corrected == (try blueprint("deepseek2")))
        for changes: Changes in [unstated, ["expert_gating_func": .integer(1)]] {
            let blueprint = try blueprint("deepseek2", changes)
            let router = try #require(experts(blueprint).first).router
            #expect(blueprint.architecture == "DeepseekV2ForCausalLM")
            #expect(router.scoring == .softmax && router.correction == nil && !router.isNormalized)
        }
        let grouped: Changes = [
            "expert_group_count": .integer(4), "expert_group_used_count": .integer(2), "expert_gating_func": nil,
        ]
        let router = try #require(experts(blueprint("deepseek2", grouped)).first).router
        #expect(router.groupCount == 4 && router.chosenGroupCount == 2 && router.groupScoreCount == 1)
        let normed: Changes = ["expert_weights_norm": .boolean(true), "expert_gating_func": nil]
        #expect(try message("deepseek2", normed).contains("'deepseek2.expert_weights_norm' to be false, found true"))
        #expect(try message("deepseek2", ["expert_gating_func": .integer(4)]).contains("to be 0 or 1 or 2, found 4"))
    }

    /// DeepSeek V3 has 256 experts in 8 groups, of which a token chooses 4, V2 160 in as many, of which it chooses 3.
    @Test func groupsThatOlderFilesDoNotStateAreThePublishedOnes() throws {
        let router = try #require(experts(blueprint("deepseek2", ["expert_count": .integer(256)])).first).router
        #expect(router.groupCount == 8 && router.chosenGroupCount == 4 && router.groupScoreCount == 2)
        let stated: Changes = ["expert_count": .integer(256), "expert_group_count": .integer(1)]
        #expect(try #require(experts(blueprint("deepseek2", stated)).first).router.groupCount == 1)
        let second: Changes = ["expert_count": .integer(160), "expert_gating_func": .integer(1)]
        let older = try #require(experts(blueprint("deepseek2", second)).first).router
        #expect(older.groupCount == 8 && older.chosenGroupCount == 3 && older.groupScoreCount == 1)
    }

    @Test func stretchedFrequenciesMakeScoresLarger() throws {
        let stretched = Self.yarn.merging(["rope.scaling.yarn_log_multiplier": .real(0.0707)]) { $1 }
        let attention = try #require(blueprint("deepseek2", stretched).attentions.first)
        let factor = 0.0707 * 2.0794415416798357 + 1
        #expect(abs(Double(attention.scale) - factor * factor / 24.0.squareRoot()) < 1e-7)
        #expect(attention.rotary.attentionFactor == 1)
        #expect(try message("deepseek2", Self.yarn).contains("deepseek2.rope.scaling.yarn_log_multiplier"))
        let alone = try message("deepseek2", ["rope.scaling.yarn_log_multiplier": .real(0.1)])
        #expect(alone.contains("'deepseek2.rope.scaling.yarn_log_multiplier' to be 0.0, found 0.1"))
        let temperature = try message("deepseek2", ["attention.temperature_scale": .real(0.1)])
        #expect(temperature.contains("found 'deepseek2.attention.temperature_scale'"))
    }

    @Test func everyOtherLayerHasAWindowAndTheBordersOfFrequenciesAreNotRounded() throws {
        let blueprint = try blueprint("gpt-oss", Self.yarn, tensors: ["blk.0.attn_q.bias"])
        #expect(blueprint.attentions.map(\.window) == [128, nil, 128, nil])
        #expect(blueprint.attentions.allSatisfy { $0.sinks != nil && $0.output.bias != nil })
        #expect(
            blueprint.attentions[0].rotary.scaling
                == .byTurns(factor: 8, fast: 32, slow: 1, originalContext: 512, isRounded: false))
        let mixture = try #require(experts(blueprint).first)
        #expect(mixture.axis.count == 32 && mixture.router.scoring == .softmaxOfChosen)
        #expect(mixture.activation == .clampedSwiGLU(alpha: 1.702, limit: 7))
        let stated = Self.yarn.merging([
            "rope.scaling.yarn_beta_fast": .real(16), "rope.scaling.yarn_beta_slow": .real(2),
        ]) { $1 }
        let scaling = try self.blueprint("gpt-oss", stated).attentions[0].rotary.scaling
        #expect(scaling == .byTurns(factor: 8, fast: 16, slow: 2, originalContext: 512, isRounded: false))
    }

    @Test func theFilesTensorsAreThoseOfACheckpointThatIsNotInFourBits() throws {
        let model = try model(
            "gpt-oss",
            tensors: ["attn_sinks.weight", "ffn_gate_inp.bias", "ffn_gate_exps.weight", "ffn_down_exps.bias"]
                .map { "blk.1.\($0)" })
        let path = "model.layers.1"
        #expect(model.sources["\(path).self_attn.sinks"] != nil && model.sources["\(path).mlp.router.bias"] != nil)
        let mixture = experts(try Blueprint(configuration: model.configuration))[1]
        for weight in [mixture.gate?.weight, mixture.down.bias] {
            let sources = try #require(weight).sources
            #expect(sources.contains { model.sources[$0.name] != nil }, "\(sources)")
        }
    }

    @Test func whatNoGptOssHasIsRefused() throws {
        func refuses(_ key: String, _ value: ConfigurationValue?, _ expected: String) throws {
            let message = try message("gpt-oss", Self.yarn.merging([key: value]) { $1 })
            #expect(message.contains("gpt-oss.\(key)"), "\(message)")
            #expect(message.contains(expected), "\(message)")
        }
        try refuses("expert_gating_func", .integer(2), "to be 3, found 2")
        try refuses("expert_weights_norm", .boolean(true), "to be false, found true")
        try refuses("attention.sliding_window", nil, "")
        try refuses("rope.scaling.yarn_ext_factor", .real(0.5), "to be 1.0, found 0.5")
        try refuses("rope.freq_base_swa", .real(500), "found")
    }
}
