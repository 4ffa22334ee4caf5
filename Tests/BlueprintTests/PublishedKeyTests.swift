import Blueprint
import Testing

/// Keys of published models that the reference does not read, or that say what all models of a family have.
@Suite struct PublishedKeyTests {
    /// As it is published for StarCoder 2 of 7 billion parameters, without what any model has.
    private static let starCoder: [String: ConfigurationValue] = [
        "architectures": .array([.string("Starcoder2ForCausalLM")]), "activation_function": .string("gelu"),
        "attention_softmax_in_fp32": .boolean(true), "hidden_act": .string("gelu_pytorch_tanh"),
        "hidden_size": .integer(4608), "intermediate_size": .integer(18_432), "layer_norm_epsilon": .real(1e-5),
        "max_position_embeddings": .integer(16_384), "mlp_type": .string("default"), "norm_epsilon": .real(1e-5),
        "norm_type": .string("layer_norm"), "num_attention_heads": .integer(36), "num_hidden_layers": .integer(32),
        "num_key_value_heads": .integer(4), "rms_norm_eps": .real(1e-5), "rope_theta": .integer(1_000_000),
        "scale_attention_softmax_in_fp32": .boolean(true), "scale_attn_weights": .boolean(true),
        "sliding_window": .integer(4096), "use_bias": .boolean(true), "vocab_size": .integer(49_152),
    ]

    private static func starCoder(_ changes: [String: ConfigurationValue]) throws -> Blueprint {
        try Resource.blueprint(of: starCoder.merging(changes) { $1 })
    }

    @Test func starCoderIsReadAsItIsPublished() throws {
        let blueprint = try Self.starCoder([:])
        let parameters = blueprint.weights.reduce(0) { $0 + $1.storedShape.reduce(1, *) }
        #expect(parameters == 7_173_923_840)
    }

    @Test(arguments: [
        ("mlp_type", ConfigurationValue.string("gated")), ("norm_type", .string("rms_norm")),
        ("scale_attn_weights", .boolean(false)),
    ])
    func otherStarCodersAreRefused(key: String, value: ConfigurationValue) throws {
        let error = try #require(throws: BlueprintError.self) { try Self.starCoder([key: value]) }
        #expect(error.description.contains("'\(key)'"), "\(error)")
    }

    @Test(arguments: [
        ("Qwen3-30B-A3B", "use_qk_norm", ConfigurationValue.boolean(true), ConfigurationValue.boolean(false)),
        ("Qwen3-30B-A3B", "shared_expert_intermediate_size", .integer(0), .integer(512)),
        ("Nemotron-H-8B", "head_dim", .integer(128), .integer(64)),
        ("Llama-3.1-8B", "is_llama_config", .boolean(true), .boolean(false)),
    ])
    func whatAllOfAFamilyHaveMayBeSaid(
        model: String, key: String, value: ConfigurationValue, other: ConfigurationValue
    ) throws {
        let path = "published/\(model).json"
        let said = try Resource.blueprint(path, changing: [key: value])
        #expect(said.weights.map(\.name) == (try Resource.blueprint(path)).weights.map(\.name))
        let error = try #require(throws: BlueprintError.self) { try Resource.blueprint(path, changing: [key: other]) }
        #expect(error.description.contains("'\(key)'"), "\(error)")
    }

    /// As the first of the family are published.
    @Test func earlyLlamasLeaveTheContextUnsaid() throws {
        let path = "published/Llama-2-7B.json"
        let early = try Resource.blueprint(
            path, changing: ["max_position_embeddings": nil, "max_sequence_length": .integer(2048)])
        #expect(early.maximumContext == 2048)
        let later = try Resource.blueprint(path, changing: ["max_sequence_length": .integer(2048)])
        #expect(later.maximumContext == 4096)
    }

    @Test func aFactorThatProgramsReadInDifferentWaysIsRefused() throws {
        let yarn = ConfigurationValue.object([
            "rope_type": .string("yarn"), "factor": .real(4), "original_max_position_embeddings": .integer(32_768),
            "attn_factor": .real(0.878),
        ])
        let error = try #require(throws: BlueprintError.self) {
            try Resource.blueprint("published/Qwen3-8B.json", changing: ["rope_scaling": yarn])
        }
        #expect(
            error
                == .inconsistent(
                    expected: "'attention_factor', what cosines and sines are multiplied by in all",
                    found: "'attn_factor', by which some programs multiply and which others ignore"))
    }

    @Test func aCheckpointStoredInAWayThatIsNotReadIsNoOtherModel() throws {
        let gptq = ConfigurationValue.object(["quant_method": .string("gptq"), "bits": .integer(4)])
        let error = try #require(throws: BlueprintError.self) {
            try Resource.blueprint("published/Qwen3-8B.json", changing: ["quantization_config": gptq])
        }
        let end = "found \"gptq\"; use a checkpoint of the model that is stored otherwise, in bf16 for example"
        #expect(error.description.hasSuffix(end), "\(error)")
    }
}
