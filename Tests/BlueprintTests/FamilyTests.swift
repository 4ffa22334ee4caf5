import Blueprint
import Testing

/// What families have beside the plan of construction that most share.
@Suite struct FamilyTests {
    private static func config(
        _ architecture: String, _ changes: [String: ConfigurationValue]
    ) throws -> Blueprint {
        var values: [String: ConfigurationValue] = [
            "architectures": .array([.string(architecture)]), "hidden_size": .integer(64),
            "intermediate_size": .integer(96), "num_attention_heads": .integer(4),
            "num_key_value_heads": .integer(2), "head_dim": .integer(16), "num_hidden_layers": .integer(4),
            "vocab_size": .integer(128), "max_position_embeddings": .integer(512),
        ]
        for (key, value) in changes { values[key] = value }
        return try Resource.blueprint(of: values)
    }

    private static func mlp(_ blueprint: Blueprint) throws -> MLP {
        guard case .mlp(let mlp) = try #require(blueprint.layers.first?.branches.last).mixer else {
            throw BlueprintError.missingKey("an MLP")
        }
        return mlp
    }

    @Test func multipliersAreRead() throws {
        let blueprint = try Self.config(
            "GraniteForCausalLM",
            [
                "embedding_multiplier": .real(12), "attention_multiplier": .real(0.015625),
                "residual_multiplier": .real(0.22), "logits_scaling": .real(8),
            ])
        #expect(blueprint.embeddingFactor == 12 && blueprint.logitFactor == 0.125)
        #expect(blueprint.attentions.allSatisfy { $0.scale == 0.015625 })
        #expect(blueprint.layers.flatMap(\.branches).allSatisfy { $0.factor == 0.22 && $0.postNorm == nil })
        let plain = try Self.config("GraniteForCausalLM", [:])
        #expect(plain.embeddingFactor == 1 && plain.logitFactor == 1 && plain.attentions[0].scale == 1)
    }

    @Test func aPlainMLPAndLayerNormsHaveBiases() throws {
        let blueprint = try Self.config("Starcoder2ForCausalLM", ["sliding_window": .integer(64)])
        let mlp = try Self.mlp(blueprint)
        #expect(mlp.gate == nil && mlp.activation == .gelu)
        #expect(mlp.up.bias?.name == "model.layers.0.mlp.c_fc.bias" && mlp.down.bias != nil)
        #expect(blueprint.finalNorm.bias?.name == "model.norm.bias" && blueprint.isTied)
        #expect(blueprint.attentions.allSatisfy { $0.window == 64 && $0.output.bias != nil })
        let other = try Self.config("Starcoder2ForCausalLM", ["use_bias": .boolean(false)])
        #expect(try Self.mlp(other).up.bias == nil && other.finalNorm.bias != nil && other.attentions[0].window == nil)
    }

    @Test func capsAndWindowsOfEveryOtherLayerAreTheDefaults() throws {
        let blueprint = try Self.config(
            "Gemma2ForCausalLM", ["sliding_window": .integer(32), "query_pre_attn_scalar": .integer(64)])
        #expect(blueprint.attentions.map(\.window) == [32, nil, 32, nil])
        #expect(blueprint.attentions[0].scoreCap == 50 && blueprint.logitCap == 30)
        #expect(blueprint.attentions[0].scale == 0.125 && blueprint.embeddingFactor == 8)
        #expect(blueprint.finalNorm.addend == 1 && blueprint.isTied)
        let names = blueprint.layers[0].branches.map { [$0.norm?.weight.name, $0.postNorm?.weight.name ?? ""] }
        #expect(
            names == [
                ["input_layernorm", "post_attention_layernorm"],
                ["pre_feedforward_layernorm", "post_feedforward_layernorm"],
            ].map { $0.map { "model.layers.0.\($0).weight" } })
        let uncapped = try Self.config(
            "Gemma2ForCausalLM", ["attn_logit_softcapping": .null, "final_logit_softcapping": .null])
        #expect(uncapped.attentions[0].scoreCap == nil && uncapped.logitCap == nil)
    }

    @Test func layersWithAWindowTurnByOtherFrequencies() throws {
        let older = try Self.config(
            "Gemma3ForCausalLM",
            [
                "sliding_window": .integer(32), "sliding_window_pattern": .integer(3), "rope_theta": .real(1e6),
                "rope_local_base_freq": .real(1e4),
                "rope_scaling": .object(["rope_type": .string("linear"), "factor": .real(8)]),
            ])
        let newer = try Self.config(
            "Gemma3ForCausalLM",
            [
                "sliding_window": .integer(32),
                "layer_types": .array(
                    ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"].map {
                        .string($0)
                    }),
                "rope_parameters": .object([
                    "sliding_attention": .object(["rope_type": .string("default"), "rope_theta": .real(1e4)]),
                    "full_attention": .object([
                        "rope_type": .string("linear"), "factor": .real(8), "rope_theta": .real(1e6),
                    ]),
                ]),
            ])
        for blueprint in [older, newer] {
            #expect(blueprint.attentions.map(\.window) == [32, 32, nil, 32])
            #expect(
                blueprint.rotaries == [
                    Rotary(size: 16, theta: 1e4), Rotary(size: 16, theta: 1e6, scaling: .linear(factor: 8)),
                ])
            #expect(blueprint.attentions[2].rotary == blueprint.rotaries[1])
            #expect(blueprint.attentions[0].queryNorm?.addend == 1 && blueprint.attentions[0].scoreCap == nil)
        }
    }

    @Test(
        arguments: [
            ("Gemma2ForCausalLM", "use_bidirectional_attention", .boolean(true)),
            ("Gemma2ForCausalLM", "attn_logit_softcapping", .real(0)),
            ("Gemma3ForCausalLM", "sliding_window_pattern", .integer(0)),
            ("Gemma3ForCausalLM", "hidden_activation", .string("relu")),
            ("GraniteForCausalLM", "logits_scaling", .real(0)),
            ("Starcoder2ForCausalLM", "hidden_act", .string("silu")),
        ] as [(String, String, ConfigurationValue)])
    func whatIsNotImplementedIsRefusedByItsKey(architecture: String, key: String, value: ConfigurationValue) throws {
        do {
            _ = try Self.config(architecture, [key: value])
            Issue.record("expected a refusal")
        } catch let error as BlueprintError {
            #expect(error.description.contains("'\(key)'"), "\(error)")
        }
    }
}
