import Blueprint
import Testing

@Suite struct RefusalTests {
    static let base = "published/Llama-3.1-8B.json"

    static func refusal(
        _ changes: [String: ConfigurationValue?], of path: String = base
    ) throws -> BlueprintError? {
        let text = try Resource.configuration(path, changing: changes)
        do throws(BlueprintError) {
            _ = try Blueprint(configuration: text)
            return nil
        } catch {
            return error
        }
    }

    @Test func anUnchangedConfigIsNotRefused() throws {
        #expect(try Self.refusal([:]) == nil)
    }

    @Test(
        arguments: [
            ("final_logit_softcapping", .real(30.5)), ("compression_config", .object(["bits": .integer(4)])),
            ("rope_interleaved", .boolean(true)), ("num_experts", .integer(8)), ("use_mrope", .boolean(true)),
        ] as [(String, ConfigurationValue)])
    func aKeyThatNothingReadsIsRefusedByName(key: String, value: ConfigurationValue) throws {
        #expect(try Self.refusal([key: value]) == .unknownKey(key, value: "\(value)"))
    }

    @Test(arguments: [.null, .boolean(false), .string(""), .array([]), .object([:])] as [ConfigurationValue])
    func aKeyThatSwitchesNothingOnIsNot(value: ConfigurationValue) throws {
        #expect(try Self.refusal(["quantization_config": value]) == nil)
    }

    @Test(arguments: ["dynamic", "mrope"])
    func anUnimplementedRotaryScalingIsRefused(kind: String) throws {
        let scaling: ConfigurationValue = .object(["rope_type": .string(kind), "factor": .real(4)])
        let expected = BlueprintError.unsupportedValue(
            key: "rope_scaling.rope_type", expected: "\"default\", \"linear\", \"llama3\", \"yarn\" or \"longrope\"",
            found: "\"\(kind)\"")
        #expect(try Self.refusal(["rope_scaling": scaling]) == expected)
    }

    @Test func aKeyOfRotaryScalingThatNothingReadsIsRefused() throws {
        let scaling: ConfigurationValue = .object([
            "rope_type": .string("linear"), "factor": .real(4), "attention_factor": .real(1.2),
        ])
        #expect(
            try Self.refusal(["rope_scaling": scaling])
                == .unknownKey("rope_scaling.attention_factor", value: "1.2"))
    }

    @Test func twoRotaryScalingsThatDifferAreRefused() throws {
        let newer: ConfigurationValue = .object(["rope_type": .string("default"), "rope_theta": .real(10_000)])
        guard case .inconsistent(let expected, let found)? = try Self.refusal(["rope_parameters": newer]) else {
            Issue.record("expected a refusal")
            return
        }
        #expect(expected.contains("rope_scaling") && expected.contains("rope_parameters"))
        #expect(found.contains("llama3") && found.contains("default"))
    }

    @Test(arguments: ["gelu", "gelu_pytorch_tanh", "relu"])
    func anUnimplementedActivationIsRefused(activation: String) throws {
        #expect(
            try Self.refusal(["hidden_act": .string(activation)])
                == .unsupportedValue(key: "hidden_act", expected: "\"silu\"", found: "\"\(activation)\""))
    }

    @Test(
        arguments: [
            "hidden_size", "vocab_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
        ])
    func aMissingDimensionIsRefused(key: String) throws {
        #expect(try Self.refusal([key: nil]) == .missingKey(key))
        #expect(try Self.refusal([key: .null]) == .missingKey(key))
    }

    @Test func aMissingContextIsRefusedWhereItHasNoCustomaryDefault() throws {
        let key = "max_position_embeddings"
        #expect(try Self.refusal([key: nil], of: "published/Qwen3-8B.json") == .missingKey(key))
        #expect(try Self.refusal([key: .null]) == .missingKey(key))
    }

    @Test func missingKeyValueHeadsAreRefusedWhereTheDefaultIsNotTheNumberOfHeads() throws {
        let key = "num_key_value_heads"
        #expect(try Self.refusal([key: nil]) == nil)
        for model in ["Mistral-7B-v0.1", "Qwen2.5-7B", "Qwen3-8B"] {
            #expect(try Self.refusal([key: nil], of: "published/\(model).json") == .missingKey(key))
        }
    }

    @Test(
        arguments: [
            ("hidden_size", .string("4096"), "an integer"), ("hidden_size", .real(4096.5), "an integer"),
            ("rms_norm_eps", .string("1e-5"), "a number"), ("tie_word_embeddings", .integer(1), "true or false"),
            ("hidden_act", .integer(1), "a string"), ("rope_scaling", .integer(1), "an object"),
            ("architectures", .string("LlamaForCausalLM"), "an array of strings"),
            ("eos_token_id", .array([.string("a")]), "a token id or a list of them"),
            ("eos_token_id", .boolean(true), "a token id or a list of them"),
        ] as [(String, ConfigurationValue, String)])
    func aValueOfAnotherKindIsRefused(key: String, value: ConfigurationValue, expected: String) throws {
        #expect(
            try Self.refusal([key: value]) == .wrongType(key: key, expected: expected, found: value.description))
    }

    @Test(arguments: [0, -1, 1 << 24 + 1, Int.max])
    func aDimensionOutsideTheLimitsIsRefused(count: Int) throws {
        for key in ["hidden_size", "vocab_size", "num_hidden_layers", "head_dim", "intermediate_size"] {
            #expect(
                try Self.refusal([key: .integer(count)])
                    == .unsupportedValue(key: key, expected: "a number from 1 to 16777216", found: "\(count)"))
        }
    }

    @Test func dimensionsThatContradictEachOtherAreRefused() throws {
        for changes: [String: ConfigurationValue?] in [
            ["num_key_value_heads": .integer(7)], ["hidden_size": .integer(4097)],
            ["num_hidden_layers": .integer(1 << 24), "intermediate_size": .integer(1 << 24)],
        ] {
            guard case .inconsistent? = try Self.refusal(changes) else {
                Issue.record("expected \(changes) to be refused")
                continue
            }
        }
    }

    @Test(arguments: [127, 1026, 1 << 20]) func aHeadThatIsOddOrTooLargeIsRefused(size: Int) throws {
        #expect(
            try Self.refusal(["head_dim": .integer(size)])
                == .unsupportedValue(key: "head_dim", expected: "an even number from 2 to 1024", found: "\(size)"))
        #expect(try Self.refusal(["head_dim": .integer(1024)]) == nil)
    }

    @Test func anUnknownArchitectureIsRefusedWithTheListOfKnownOnes() throws {
        let found = try Self.refusal(["architectures": .array([.string("GPT2LMHeadModel")])])
        guard case .unknownArchitecture("GPT2LMHeadModel", let known)? = found else {
            Issue.record("found \(String(describing: found))")
            return
        }
        #expect(known.contains("LlamaForCausalLM") && known.count >= 4)
        #expect(
            try Self.refusal(["architectures": nil]) == .unknownArchitecture(found: "nothing", known: known))
    }

    @Test(arguments: ["", "[]", "{", "3", "{\"architectures\": [\"LlamaForCausalLM\"],}x"])
    func textThatIsNoJSONObjectIsRefused(text: String) {
        do throws(BlueprintError) {
            _ = try Blueprint(configuration: text)
            Issue.record("expected a refusal")
        } catch {
            guard case .notJSON = error else {
                Issue.record("found \(error)")
                return
            }
        }
    }

    @Test func refusalsNameTheKeyAndSayWhatToDo() throws {
        let changes: [(String, ConfigurationValue?)] = [
            ("alibi", .boolean(true)), ("hidden_size", nil), ("hidden_size", .string("a")),
            ("hidden_size", .integer(0)),
            ("num_attention_heads", .integer(31)), ("hidden_size", .integer(4097)), ("architectures", nil),
            ("rope_parameters", .object(["rope_type": .string("default")])),
            ("rope_scaling", .object(["rope_type": .string("yarn")])),
        ]
        let form = try Regex("^config\\.json: expected .+, found .+; .+$")
        for (key, value) in changes {
            let error = try #require(try Self.refusal([key: value]))
            #expect(error.description.firstMatch(of: form) != nil, "\(error)")
            let named = key == "rope_scaling" ? "rope_scaling.factor" : key
            #expect(error.description.contains("'\(named)'"), "\(error)")
        }
        let unread = #expect(throws: BlueprintError.self) { try Blueprint(configuration: "{\n  \"a\": 1,\n  \"b\": }") }
        #expect(
            unread?.description
                == "config.json: expected a JSON object, found '}' at byte 19, where a value belongs; "
                + "download the file again")
        let notJSON = #expect(throws: BlueprintError.self) { try Blueprint(configuration: "[]") }
        #expect(notJSON?.description == "config.json: expected a JSON object, found []; download the file again")
    }
}
