import Blueprint
import Testing

@Suite struct QuantizationTests {
    private static let base = "published/Llama-3.1-8B.json"

    private func quantization(_ members: [String: ConfigurationValue]) -> [String: ConfigurationValue] {
        ["group_size": .integer(64), "bits": .integer(4)].merging(members) { $1 }
    }

    private func blueprint(_ members: [String: ConfigurationValue]) throws -> Blueprint {
        try Resource.blueprint(Self.base, changing: ["quantization": .object(quantization(members))])
    }

    private func refusal(_ members: [String: ConfigurationValue]) throws -> BlueprintError? {
        try RefusalTests.refusal(["quantization": .object(quantization(members))])
    }

    @Test func quantisedMatricesChangeNothingThatIsComputed() throws {
        var quantised = try blueprint(["mode": .string("affine")])
        #expect(quantised.quantization != nil)
        quantised.quantization = nil
        #expect(quantised == (try Resource.blueprint(Self.base)))
    }

    @Test func bothKeysMaySayTheSame() throws {
        let value = ConfigurationValue.object(quantization([:]))
        let both = try Resource.blueprint(
            Self.base, changing: ["quantization": value, "quantization_config": value])
        let one = try Resource.blueprint(Self.base, changing: ["quantization_config": value])
        #expect(both == one)
        let other = ConfigurationValue.object(quantization(["bits": .integer(8)]))
        #expect(
            try RefusalTests.refusal(["quantization": value, "quantization_config": other])
                == .inconsistent(
                    expected: "'quantization' and 'quantization_config' to be alike",
                    found: "in them 'bits' as 4 and 8"))
    }

    @Test func exceptionsAreReadForEachMatrix() throws {
        let blueprint = try blueprint([
            "model.embed_tokens": .object(["group_size": .integer(32), "bits": .integer(8)]),
            "model.layers.3.mlp.down_proj": .boolean(false), "lm_head": .boolean(true),
        ])
        let encodings = Dictionary(
            uniqueKeysWithValues: blueprint.weights.map { ($0.name, blueprint.statedEncoding(of: $0)?.name) })
        #expect(encodings["model.embed_tokens.weight"] == "q8g32-bf16-offset")
        #expect(encodings["model.layers.3.mlp.down_proj.weight"] == "bf16")
        #expect(encodings["model.layers.3.mlp.up_proj.weight"] == "q4g64-bf16-offset")
        #expect(encodings["lm_head.weight"] == "q4g64-bf16-offset")
        #expect(encodings["model.norm.weight"] == "bf16")
    }

    @Test func matricesWithoutWholeGroupsInARowAreNotQuantised() throws {
        let value = ConfigurationValue.object(quantization(["group_size": .integer(128)]))
        let blueprint = try Resource.blueprint(
            Self.base, changing: ["quantization": value, "intermediate_size": .integer(14_400)])
        let encodings = Dictionary(
            uniqueKeysWithValues: blueprint.weights.map { ($0.name, blueprint.statedEncoding(of: $0)?.name) })
        #expect(encodings["model.layers.0.mlp.down_proj.weight"] == "bf16")
        #expect(encodings["model.layers.0.mlp.up_proj.weight"] == "q4g128-bf16-offset")
    }

    @Test(
        arguments: [
            ("bits", .integer(7), "2, 3, 4, 5, 6 or 8", "7"), ("bits", .integer(1), "2, 3, 4, 5, 6 or 8", "1"),
            ("group_size", .integer(16), "32, 64 or 128", "16"),
            ("mode", .string("nvfp4"), "\"affine\" or \"mxfp4\"", "\"nvfp4\""),
            ("mode", .string("mxfp4"), "32, as of mxfp4", "64"),
        ] as [(String, ConfigurationValue, String, String)])
    func otherFormsAreRefusedByName(key: String, value: ConfigurationValue, expected: String, found: String) throws {
        let wrong = value == .string("mxfp4") ? "group_size" : key
        #expect(
            try refusal([key: value])
                == .unsupportedValue(key: "quantization.\(wrong)", expected: expected, found: found))
        let exception = ConfigurationValue.object(quantization([key: value]))
        #expect(
            try refusal(["model.layers.0.mlp.up_proj": exception])
                == .unsupportedValue(
                    key: "quantization.model.layers.0.mlp.up_proj.\(wrong)", expected: expected, found: found))
    }

    @Test func floatsOfFourBitsAreOneForm() throws {
        let members: [String: ConfigurationValue] = ["mode": .string("mxfp4"), "group_size": .integer(32)]
        let blueprint = try blueprint(
            members.merging(["lm_head": .object(["group_size": .integer(64), "bits": .integer(8)])]) { $1 })
        let names = blueprint.weights.map { ($0.name, blueprint.statedEncoding(of: $0)?.name) }
        let encodings = Dictionary(uniqueKeysWithValues: names)
        #expect(encodings["model.layers.0.mlp.up_proj.weight"] == Grouping.microscaled.map(Encoding.grouped)?.name)
        #expect(encodings["lm_head.weight"] == "q8g64-bf16-offset")
        // Its experts have names too that mlx does not give them.
        let oss = try Resource.blueprint(
            "published/gpt-oss-20b.json",
            changing: ["quantization_config": nil, "quantization": .object(quantization(members))])
        let experts = oss.weights.filter { $0.members != nil && !$0.isVector }
        #expect(experts.count == 3 * 24)
        #expect(experts.allSatisfy { oss.statedEncoding(of: $0) == Grouping.microscaled.map(Encoding.grouped) })
        #expect(
            try refusal(members.merging(["bits": .integer(8)]) { $1 })
                == .unsupportedValue(key: "quantization.bits", expected: "4, as of mxfp4", found: "8"))
    }

    @Test func otherNamesOfPartsAreThoseOfMLX() throws {
        let affine = ConfigurationValue.object(
            quantization(["language_model.lm_head": .boolean(false), "vision_tower.merger": .boolean(false)]))
        let blueprint = try Resource.blueprint("published/Qwen3.5-122B-A10B.json", changing: ["quantization": affine])
        #expect(blueprint.referenceName("language_model.model.norm.weight") == "model.language_model.norm.weight")
        #expect(blueprint.referenceName("language_models.x") == "language_models.x")
        #expect(blueprint.quantization?.plain == ["lm_head", "model.visual.merger"])
        #expect(blueprint.ignores(blueprint.referenceName("language_model.mtp.norm.weight")))
        #expect(blueprint.otherName("model.language_model.norm.weight") == "language_model.model.norm.weight")
        let both = ConfigurationValue.object(
            quantization(["language_model.lm_head": .boolean(false), "lm_head": .boolean(true)]))
        let error = try #require(throws: BlueprintError.self) {
            _ = try Resource.blueprint("published/Qwen3.5-122B-A10B.json", changing: ["quantization": both])
        }
        #expect("\(error)".contains("one name for each part, found language_model.lm_head and lm_head"), "\(error)")
    }

    @Test func whatIsNoMatrixOfTheModelIsRefused() throws {
        #expect(
            try refusal(["zero_point": .boolean(true)])
                == .unknownKey("quantization.zero_point", value: "a quantisation"))
        #expect(
            try refusal(["model.vision": .boolean(false)]) == .unknownKey("quantization.model.vision", value: "false"))
        let part = "model.layers.1000.mlp.up_proj"
        let error = try #require(try refusal([part: .boolean(false)]))
        #expect("\(error)".contains("layers that other keys give, found \(part); correct"), "\(error)")
    }

    @Test(
        arguments: [
            ["quant_method": .string("gptq"), "bits": .integer(4), "group_size": .integer(128), "sym": .boolean(true)],
            ["quant_method": .string("bitsandbytes"), "load_in_4bit": .boolean(true)],
        ] as [[String: ConfigurationValue]])
    func theFormOfAnotherLibraryIsRefusedByItsName(members: [String: ConfigurationValue]) throws {
        let name = try #require(members["quant_method"])
        #expect(
            try RefusalTests.refusal(["quantization_config": .object(members)])
                == .unsupportedValue(
                    key: "quantization_config.quant_method",
                    expected: "\"mxfp4\", \"fp8\" or absent, as mlx leaves it", found: "\(name)"))
    }
}
