import Blueprint
import Testing

/// Configs as they are published, and the parameter counts that go with them.
@Suite struct PublishedModelTests {
    @Test(
        arguments: [
            ("Llama-2-7B", 6_738_415_616), ("Llama-3.1-8B", 8_030_261_248), ("Llama-3.1-70B", 70_553_706_496),
            ("TinyLlama-1.1B", 1_100_048_384),
            ("Mistral-7B-v0.1", 7_241_732_096), ("Mistral-7B-v0.3", 7_248_023_552),
            ("Qwen2.5-0.5B", 494_032_768), ("Qwen2.5-7B", 7_615_616_512), ("Qwen2.5-72B", 72_706_203_648),
            ("Qwen3-0.6B", 596_049_920), ("Qwen3-8B", 8_190_735_360), ("Qwen3-32B", 32_762_123_264),
            ("Mixtral-8x7B", 46_702_792_704), ("Qwen3-30B-A3B", 30_532_122_624), ("Qwen3-235B-A22B", 235_093_634_560),
            ("GLM-4.5-Air", 106_852_251_264), ("gpt-oss-20b", 20_914_757_184), ("gpt-oss-120b", 116_829_156_672),
            ("DeepSeek-V2-Lite", 15_706_484_224), ("DeepSeek-V3", 671_026_419_200),
            ("Qwen3-Next-80B-A3B", 79_674_391_296),
            ("Qwen3.5-122B-A10B", 122_111_526_912), ("Nemotron-H-8B", 8_100_852_736),
        ])
    func publishedConfigsGiveThePublishedNumberOfParameters(model: String, parameters: Int) throws {
        #expect(try Resource.blueprint("published/\(model).json").parameterCount == parameters)
    }

    @Test func statedEncodingsAndEndTokensAreRead() throws {
        let llama = try Resource.blueprint("published/Llama-2-7B.json")
        #expect(llama.statedEncoding == .f16)
        #expect(llama.endTokens == [2])
        let qwen = try Resource.blueprint(
            "published/Qwen3-8B.json", changing: ["eos_token_id": .array([.integer(7), .integer(9)])])
        #expect(qwen.statedEncoding == .bf16)
        #expect(qwen.endTokens == [7, 9])
        #expect(qwen.maximumContext == 40960)
    }

    @Test func attentionsHaveTheirPublishedDimensions() throws {
        let attention = try firstAttention("Qwen3-32B")
        #expect(attention.heads == 64 && attention.keyValueHeads == 8 && attention.groupSize == 8)
        #expect(attention.headSize == 128 && attention.query.weight.shape == [8192, 5120])
        #expect(attention.queryNorm?.weight.shape == [128] && attention.keyNorm?.epsilon == 1e-6)
        #expect(attention.query.bias == nil)
        let biased = try firstAttention("Qwen2.5-7B")
        #expect(biased.key.bias?.shape == [512] && biased.output.bias == nil && biased.queryNorm == nil)
        #expect(biased.scale == 1 / Float(128).squareRoot())
    }

    @Test func rotaryScalingIsThatOfTheFile() throws {
        let rotary = try firstAttention("Llama-3.1-8B").rotary
        #expect(rotary.theta == 500_000)
        #expect(
            rotary.scaling == .byWavelength(factor: 8, lowFactor: 1, highFactor: 4, originalContext: 8192))
        #expect(try firstAttention("Llama-2-7B").rotary == Rotary(size: 128, theta: 10_000))
        #expect(try firstAttention("Mistral-7B-v0.3").rotary == Rotary(size: 128, theta: 1_000_000))
    }

    private func firstAttention(_ model: String) throws -> Attention {
        let blueprint = try Resource.blueprint("published/\(model).json")
        let mixer = try #require(blueprint.layers.first?.branches.first?.mixer)
        switch mixer {
        case .attention(let attention): return attention
        case .mlp, .experts, .deltaNet, .stateSpace: return try #require(nil)
        }
    }
}
