import Blueprint
import Testing

/// The text parts of models that see pictures, too.
@Suite struct TextPartTests {
    /// As it is published for Gemma 3 4B: most is what transformers' class has by default.
    private static let gemma: [String: ConfigurationValue] = [
        "architectures": .array([.string("Gemma3ForConditionalGeneration")]), "boi_token_index": .integer(255_999),
        "eoi_token_index": .integer(256_000), "eos_token_id": .array([.integer(1), .integer(106)]),
        "image_token_index": .integer(262_144), "mm_tokens_per_image": .integer(256),
        "torch_dtype": .string("bfloat16"),
        "text_config": .object([
            "hidden_size": .integer(2560), "intermediate_size": .integer(10_240), "num_hidden_layers": .integer(34),
            "rope_scaling": .object(["factor": .real(8), "rope_type": .string("linear")]),
            "sliding_window": .integer(1024),
        ]),
        "vision_config": .object(["hidden_size": .integer(1152)]),
    ]
    /// As transformers writes the config.json of a model like Mistral Small 3.1.
    private static let mistral: [String: ConfigurationValue] = [
        "architectures": .array([.string("Mistral3ForConditionalGeneration")]), "image_token_index": .integer(10),
        "multimodal_projector_bias": .boolean(false), "projector_hidden_act": .string("gelu"),
        "spatial_merge_size": .integer(2), "tie_word_embeddings": .boolean(true), "vision_feature_layer": .integer(-1),
        "text_config": .object([
            "head_dim": .integer(128), "hidden_size": .integer(5120), "intermediate_size": .integer(32_768),
            "max_position_embeddings": .integer(131_072), "num_attention_heads": .integer(32),
            "num_hidden_layers": .integer(40), "num_key_value_heads": .integer(8), "rope_theta": .real(1e9),
            "sliding_window": .null, "tie_word_embeddings": .boolean(false), "vocab_size": .integer(131_072),
        ]),
        "vision_config": .object(["hidden_size": .integer(1024)]),
    ]

    private static func blueprint(
        _ model: [String: ConfigurationValue], changing changes: [String: ConfigurationValue] = [:],
        text: [String: ConfigurationValue] = [:]
    ) throws -> Blueprint {
        var members = model.merging(changes) { $1 }
        guard case .object(let inside)? = members["text_config"] else { preconditionFailure("The text has a part.") }
        members["text_config"] = .object(inside.merging(text) { $1 })
        return try Resource.blueprint(of: members)
    }

    @Test func whatGemmaLeavesUnsaidIsTheDefault() throws {
        let blueprint = try Self.blueprint(Self.gemma)
        #expect(blueprint.layers.count == 34 && blueprint.vocabulary == 262_208 && blueprint.isTied)
        #expect(blueprint.maximumContext == 131_072 && blueprint.endTokens == [1, 106])
        #expect(blueprint.statedEncoding == .bf16)
        let attentions = blueprint.attentions
        #expect(attentions.allSatisfy { $0.heads == 8 && $0.keyValueHeads == 4 && $0.headSize == 256 })
        #expect(attentions.map(\.window) == (1...34).map { $0.isMultiple(of: 6) ? nil : 1024 })
        #expect(attentions[4].rotary == Rotary(size: 256, theta: 10_000))
        #expect(attentions[5].rotary == Rotary(size: 256, theta: 1_000_000, scaling: .linear(factor: 8)))
        let parameters = blueprint.weights.reduce(0) { $0 + $1.storedShape.reduce(1, *) }
        #expect((3_880_000_000..<3_881_000_000).contains(parameters), "\(parameters)")
    }

    /// As the text of Gemma 3 27B is published by itself.
    @Test func gemmaOfTextAloneLeavesTheSameUnsaid() throws {
        let blueprint = try Resource.blueprint(of: [
            "architectures": .array([.string("Gemma3ForCausalLM")]), "model_type": .string("gemma3_text"),
            "head_dim": .integer(128), "hidden_size": .integer(5376), "intermediate_size": .integer(21_504),
            "num_attention_heads": .integer(32), "num_hidden_layers": .integer(62),
            "num_key_value_heads": .integer(16), "query_pre_attn_scalar": .integer(168),
            "rope_scaling": .object(["factor": .real(8), "rope_type": .string("linear")]),
            "sliding_window": .integer(1024),
        ])
        #expect(blueprint.vocabulary == 262_208 && blueprint.maximumContext == 131_072 && blueprint.isTied)
        let parameters = blueprint.weights.reduce(0) { $0 + $1.storedShape.reduce(1, *) }
        #expect((27_000_000_000..<27_100_000_000).contains(parameters), "\(parameters)")
    }

    @Test func gemmaAroundTheTextSaysWhetherTheHeadIsTheEmbedding() throws {
        let untied: [String: ConfigurationValue] = ["tie_word_embeddings": .boolean(false)]
        #expect(try !Self.blueprint(Self.gemma, changing: untied).isTied)
        #expect(try Self.blueprint(Self.gemma, text: untied).isTied)
    }

    @Test func mistralsTextSaysWhetherTheHeadIsTheEmbedding() throws {
        let blueprint = try Self.blueprint(Self.mistral)
        #expect(blueprint.untiedHead?.name == "lm_head.weight" && blueprint.layers.count == 40)
        #expect(blueprint.attentions.allSatisfy { $0.window == nil && $0.rotary.theta == 1e9 })
        #expect(try Self.blueprint(Self.mistral, text: ["tie_word_embeddings": .boolean(true)]).isTied)
        let contradiction = BlueprintError.inconsistent(
            expected: "'tie_word_embeddings' to be false in 'text_config', as beside it", found: "true")
        #expect(throws: contradiction) {
            try Self.blueprint(
                Self.mistral, changing: ["tie_word_embeddings": .boolean(false)],
                text: ["tie_word_embeddings": .boolean(true)])
        }
    }

    @Test func aVocabularyMayStandBesideTheText() throws {
        let beside: [String: ConfigurationValue] = ["vocab_size": .integer(1009)]
        #expect(try Self.blueprint(Self.gemma, changing: beside).vocabulary == 1009)
        #expect(try Self.blueprint(Self.gemma, changing: beside, text: beside).vocabulary == 1009)
        let two = BlueprintError.unsupportedValue(key: "text_config.vocab_size", expected: "1009", found: "1010")
        #expect(throws: two) {
            try Self.blueprint(Self.gemma, changing: beside, text: ["vocab_size": .integer(1010)])
        }
    }

    @Test(arguments: [("gemma3n_text", gemma, "gemma3_text"), ("ministral3", mistral, "mistral")])
    func textsOfOtherKindsAreRefused(
        kind: String, model: [String: ConfigurationValue], expected: String
    ) throws {
        let error = BlueprintError.unsupportedValue(
            key: "text_config.model_type", expected: "\"\(expected)\"", found: "\"\(kind)\"")
        #expect(throws: error) { try Self.blueprint(model, text: ["model_type": .string(kind)]) }
        _ = try Self.blueprint(model, text: ["model_type": .string(expected)])
    }

    @Test func keysOfOlderGemmasThatTheReferenceDoesNotReadAreNone() throws {
        let older: [String: ConfigurationValue] = [
            "cache_implementation": .string("hybrid"), "hidden_act": .string("gelu"),
            "sliding_window_size": .integer(4096),
        ]
        #expect(try Self.blueprint(Self.gemma, text: older).layers.count == 34)
    }

    @Test(arguments: [gemma, mistral])
    func namesOfCheckpointsAreThoseOfTheReference(model: [String: ConfigurationValue]) throws {
        let blueprint = try Self.blueprint(model)
        let name = "model.language_model.layers.3.mlp.up_proj.weight"
        #expect(blueprint.weights.flatMap(\.sourceNames).contains(name))
        #expect(blueprint.referenceName("language_model.model.layers.3.mlp.up_proj.weight") == name)
        #expect(blueprint.otherName(name) == "language_model.model.layers.3.mlp.up_proj.weight")
        #expect(blueprint.referenceName("language_model.lm_head.weight") == "lm_head.weight")
        for picture in ["vision_tower.patches.weight", "multi_modal_projector.norm.weight"] {
            #expect(blueprint.ignores("model.\(picture)") && blueprint.ignores(blueprint.referenceName(picture)))
        }
    }

    @Test func unknownKeysAreRefusedInsideAndOutside() throws {
        let inside = BlueprintError.unknownKey("text_config.twist", value: "3")
        #expect(throws: inside) { try Self.blueprint(Self.gemma, text: ["twist": .integer(3)]) }
        let outside = BlueprintError.unknownKey("twist", value: "3")
        #expect(throws: outside) { try Self.blueprint(Self.mistral, changing: ["twist": .integer(3)]) }
    }
}
