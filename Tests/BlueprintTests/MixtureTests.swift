import Blueprint
import Testing

/// What configs of mixtures, latent attention and states say, and what of it is refused.
@Suite struct MixtureTests {
    private static func mixers(_ model: String) throws -> [Mixer] {
        try Resource.blueprint("published/\(model).json").layers.flatMap(\.branches).map(\.mixer)
    }

    private static func experts(_ model: String) throws -> [Experts] {
        try mixers(model).compactMap { if case .experts(let experts) = $0 { experts } else { nil } }
    }

    @Test func routersAreThoseOfTheirFamilies() throws {
        let mixtral = try #require(try Self.experts("Mixtral-8x7B").first)
        #expect(mixtral.router.scoring == .softmax && mixtral.router.isNormalized && mixtral.router.chosenCount == 2)
        #expect(mixtral.memberAxis.count == 8 && mixtral.axis.count == 14336 && mixtral.shared == nil)
        let air = try Self.experts("GLM-4.5-Air")
        let glm = try #require(air.first)
        #expect(air.count == 45 && glm.memberAxis.layer == 1)
        #expect(glm.router.scoring == .sigmoid && glm.router.correction?.shape == [128])
        #expect(glm.shared?.axis.count == 1408 && glm.sharedGate == nil)
        let deepSeek = try #require(try Self.experts("DeepSeek-V3").first)
        #expect(deepSeek.router.groupCount == 8 && deepSeek.router.chosenGroupCount == 4)
        #expect(deepSeek.router.factor == 2.5 && deepSeek.memberAxis.layer == 3 && deepSeek.router.groupScoreCount == 2)
        let groups: [String: ConfigurationValue] = [
            "topk_method": .string("group_limited_greedy"), "n_group": .integer(8), "topk_group": .integer(3),
        ]
        let second = try Resource.blueprint("published/DeepSeek-V2-Lite.json", changing: groups)
        let grouped = second.layers.flatMap(\.branches).compactMap { branch in
            if case .experts(let experts) = branch.mixer { experts.router } else { nil }
        }
        #expect(grouped.count == 26 && grouped[0].groupCount == 8 && grouped[0].chosenGroupCount == 3)
        #expect(grouped[0].groupScoreCount == 1 && grouped[0].scoring == .softmax)
        let oss = try #require(try Self.experts("gpt-oss-20b").first)
        #expect(oss.router.scoring == .softmaxOfChosen && oss.router.bias?.shape == [32])
        #expect(oss.activation == .clampedSwiGLU(alpha: 1.702, limit: 7))
        #expect(oss.down.bias?.shape == [32 * 2880] && oss.up.bias?.shape == [2880])
        let next = try #require(try Self.experts("Qwen3-Next-80B-A3B").first)
        #expect(next.sharedGate?.shape == [1, 2048] && next.router.weight.isSensitive)
    }

    @Test func whatAWeightIsMadeOfIsNamed() throws {
        let experts = try #require(try Self.experts("Qwen3-30B-A3B").first)
        #expect(experts.up.weight.storedShape == [128 * 768, 2048] && experts.up.weight.memberCount == 128)
        #expect(experts.up.weight.sourceNames.contains("model.layers.0.mlp.experts.127.up_proj.weight"))
        #expect(experts.up.weight.sourceNames.contains("model.layers.0.mlp.experts.gate_up_proj"))
        let mixtral = try #require(try Self.experts("Mixtral-8x7B").first)
        #expect(mixtral.up.weight.sourceNames[0] == "model.layers.0.block_sparse_moe.experts.0.w3.weight")
    }

    @Test func latentAttentionHasOneHeadOfKeys() throws {
        let blueprint = try Resource.blueprint("published/DeepSeek-V3.json")
        let attention = try #require(blueprint.attentions.first)
        let latent = try #require(attention.latent)
        #expect(attention.heads == 128 && attention.keyValueHeads == 1 && attention.headSize == 576)
        #expect(attention.valueSize == 128 && attention.value == nil && attention.rotary.size == 64)
        #expect(latent.keyExpansion.shape == [512, 128] && latent.keyExpansion.memberCount == 128)
        #expect(latent.reduction?.norm.epsilon == 1e-6)
        // (128 + 64)^-1/2 times the square of 0.1 log(40) + 1.
        #expect(abs(attention.scale - 0.13523377) < 1e-6)
        #expect(blueprint.ignores("model.layers.61.eh_proj.weight") && !blueprint.ignores("model.layers.60.x"))
    }

    @Test func statesHaveTheirPublishedDimensions() throws {
        let hybrid = try Resource.blueprint("published/Qwen3.5-122B-A10B.json")
        #expect(hybrid.recurrences.count == 36 && hybrid.attentions.count == 12)
        let net = try #require(hybrid.recurrences.first)
        #expect(net.axis.count == 64 && net.coveredAxis.count == 16 && net.groupSize == 4)
        #expect(net.headSize == 128 && net.stateSize == 128 && net.kernelSize == 4)
        #expect(hybrid.attentions[0].outputGate?.weight.shape == [32 * 256, 3072])
        #expect(hybrid.attentions[0].rotary.size == 64 && hybrid.ignores("model.visual.blocks.0.norm1.weight"))
        let mamba = try Resource.blueprint("published/Nemotron-H-8B.json")
        #expect(mamba.recurrences.count == 24 && mamba.attentions.count == 4 && mamba.rotaries.isEmpty)
        #expect(mamba.recurrences[0].axis.count == 128 && mamba.recurrences[0].groupSize == 16)
    }

    @Test func limitsThatAreNoneAreWrittenInSeveralWays() throws {
        let model = "published/Nemotron-H-8B.json"
        let plain = try Resource.blueprint(model)
        let tagged = ConfigurationValue.object(["__float__": .string("Infinity")])
        for upper in [ConfigurationValue.real(.infinity), .string("Infinity"), tagged] {
            let limit: [String: ConfigurationValue] = ["time_step_limit": .array([.real(0), upper])]
            #expect(try Resource.blueprint(model, changing: limit) == plain, "\(upper)")
        }
        #expect(try Resource.configuration(model, changing: ["a": .array([.real(.infinity)])]).contains("[Infinity]"))
    }

    @Test func encodingsThatTensorsTellAreKnownFromTheConfig() throws {
        let oss = try Resource.blueprint("published/gpt-oss-20b.json")
        let experts = try #require(try Self.experts("gpt-oss-20b").first)
        #expect(oss.statedEncoding(of: experts.up.weight)?.name == "q5g32-bf16")
        #expect(oss.statedEncoding(of: oss.attentions[0].query.weight) == nil)
        let deepSeek = try Resource.blueprint("published/DeepSeek-V3.json")
        #expect(deepSeek.statedEncoding(of: deepSeek.attentions[0].output.weight) == .f32)
        #expect(deepSeek.statedEncoding(of: deepSeek.embedding) == .bf16)
    }

    /// The model, what is changed in it, and the key that the refusal names.
    private static let refused: [(String, [String: ConfigurationValue?], String)] = [
        ("Mixtral-8x7B", ["num_experts_per_tok": .integer(9)], "num_experts_per_tok"),
        ("Mixtral-8x7B", ["num_local_experts": .integer(1 << 24)], "experts"),
        ("GLM-4.5-Air", ["n_group": .integer(3)], "n_group"),
        ("GLM-4.5-Air", ["topk_group": .integer(2)], "topk_group"),
        ("GLM-4.5-Air", ["first_k_dense_replace": .integer(-1)], "first_k_dense_replace"),
        ("GLM-4.5-Air", ["num_nextn_predict_layers": .integer(1 << 40)], "num_nextn_predict_layers"),
        ("GLM-4.5-Air", ["n_shared_experts": .integer(1 << 40)], "n_shared_experts"),
        ("DeepSeek-V2-Lite", ["topk_method": .string("noaux_tc")], "topk_method"),
        ("DeepSeek-V2-Lite", ["topk_method": .string("group_limited_greedy"), "n_group": nil], "n_group"),
        ("DeepSeek-V2-Lite", ["n_group": .integer(8)], "n_group"),
        ("DeepSeek-V2-Lite", ["norm_topk_prob": .boolean(true)], "norm_topk_prob"),
        ("DeepSeek-V3", ["scoring_func": .string("softmax")], "scoring_func"),
        ("DeepSeek-V3", ["topk_method": .string("greedy")], "topk_method"),
        ("DeepSeek-V3", ["moe_layer_freq": .integer(2)], "moe_layer_freq"),
        ("DeepSeek-V3", ["q_lora_rank": .integer(-5)], "q_lora_rank"),
        ("DeepSeek-V3", ["qk_rope_head_dim": .integer(63)], "qk_rope_head_dim"),
        ("DeepSeek-V3", ["v_head_dim": .integer(1 << 24)], "channels"),
        ("Qwen3-Next-80B-A3B", ["linear_num_value_heads": .integer(33)], "linear_num_value_heads"),
        ("Qwen3-Next-80B-A3B", ["layer_types": .array([.string("full_attention")])], "layer_types"),
        ("Qwen3-Next-80B-A3B", ["attn_output_gate": .boolean(false)], "attn_output_gate"),
        ("Nemotron-H-8B", ["mamba_num_heads": .integer(127)], "mamba_num_heads"),
        ("Nemotron-H-8B", ["hybrid_override_pattern": .string("M-X")], "layers_block_type"),
        ("Nemotron-H-8B", ["num_hidden_layers": .integer(51)], "num_hidden_layers"),
        ("Nemotron-H-8B", ["time_step_limit": .array([.real(0), .real(0.1)])], "time_step_limit"),
        ("Nemotron-H-8B", ["time_step_limit": .array([.real(1), .real(.infinity)])], "time_step_limit"),
        ("Nemotron-H-8B", ["sliding_window": .integer(64)], "sliding_window"),
        ("Nemotron-H-8B", ["rms_norm_eps": .real(1e-6)], "rms_norm_eps"),
        ("gpt-oss-20b", ["rope_scaling": .object(["rope_type": .string("yarn")])], "factor"),
    ]

    @Test(arguments: refused.indices) func whatIsNotComputedIsRefusedByItsKey(number: Int) throws {
        let (model, changes, key) = Self.refused[number]
        let error = #expect(throws: BlueprintError.self) {
            _ = try Resource.blueprint("published/\(model).json", changing: changes)
        }
        let text = try #require(error?.description)
        #expect(text.contains(key) && text.contains("expected"), "\(text)")
    }
}
