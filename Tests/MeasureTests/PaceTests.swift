import Blueprint
import Compute
import Measure
import Partition
import Testing

@Suite struct PaceTests {
    private func product(_ encoding: String, _ math: Math) -> ProductProfile {
        ProductProfile(
            encoding: encoding, math: math, tokenBytesPerSecond: 1000, tokenSeconds: 8, chunkOperationsPerSecond: 1000,
            chunkSecondsPerByte: 8, chunkSecondsPerResult: 16, chunkSecondsPerInput: 32)
    }

    private func rank(_ instructionSet: InstructionSet) -> RankProfile {
        RankProfile(
            host: "a", cores: 2, threads: 1, instructionSet: instructionSet.rawValue, memoryByteCount: 1 << 30,
            readBandwidth: 100,
            peaks: [("f32", 10), ("bf16", 20), ("int8", 40)].map {
                PeakProfile(factors: $0, operationsPerSecond: $1, spread: 0)
            },
            products: [
                product("f32", .fast), product("bf16", .fast), product("q8g32", .fast), product("bf16", .precise),
            ],
            attention: [AttentionProfile(cache: .f16, tokenBytesPerSecond: 1000, chunkOperationsPerSecond: 1000)],
            secondsPerElement: 4, secondsPerLayer: 8)
    }

    private func profile(_ rank: RankProfile) -> ClusterProfile {
        ClusterProfile(programVersion: "1", measured: "", ranks: [rank], links: [], collectives: [])
    }

    @Test func machinesAsTheyWereLeaveTheProfile() {
        let profile = profile(rank(.avx512))
        let pace = Pace(of: profile.ranks[0], reading: 100, peaks: [.f32: 10, .bf16: 20, .int8: 40])
        #expect(profile.at([pace]) == profile)
        // What was not measured, or cannot be, counts as it was.
        #expect(profile.at([Pace(of: profile.ranks[0], reading: nil, peaks: [.bf16: 0])]) == profile)
    }

    @Test func memoryAndEachKindOfFactorsHaveTheirOwn() {
        let before = rank(.avx512)
        let pace = Pace(of: before, reading: 50, peaks: [.f32: 20, .bf16: 5, .int8: 160])
        let after = profile(before).at([pace]).ranks[0]
        #expect(after.readBandwidth == 50)
        #expect(after.peaks.map(\.operationsPerSecond) == [20, 5, 160])
        #expect(after.products.map(\.tokenBytesPerSecond) == [500, 500, 500, 500])
        // f32 twice, bf16 a quarter, integers four times, and precise products are those of f32.
        #expect(after.products.map(\.chunkOperationsPerSecond) == [2000, 250, 4000, 2000])
        #expect(after.products[1].chunkSecondsPerByte == 16 && after.products[1].chunkSecondsPerResult == 8)
        #expect(after.products[1].chunkSecondsPerInput == 16 && after.products[1].tokenSeconds == 4)
        #expect(after.attention[0].tokenBytesPerSecond == 500 && after.attention[0].chunkOperationsPerSecond == 2000)
        #expect(after.secondsPerElement == 2 && after.secondsPerLayer == 4)
    }

    @Test func aTestIsPredictedAtThePaceOfItsMedianMoment() throws {
        let blueprint = try Blueprint(
            configuration: """
                {"architectures": ["LlamaForCausalLM"], "hidden_size": 32, "num_hidden_layers": 2,
                 "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 64,
                 "vocab_size": 48, "max_position_embeddings": 64}
                """)
        let plan = try Plan(blueprint, policy: Policy(shares: [1], context: 32, chunk: 8), encoding: { _ in .bf16 })
        var rank = rank(.avx512)
        let profile = profile(rank)
        func prediction(_ kind: TimedTest.Kind, _ moments: [Moment], _ profile: ClusterProfile) -> TimedPrediction {
            var test = TimedTest(kind: kind, batch: kind == .prompt ? 8 : 1, firstPosition: 8, stepCount: 4)
            test.moments = moments
            return test.prediction(CostModel(plan, profile))
        }
        func moment(_ reading: Double, _ computing: Double) -> Moment {
            let peaks: [Factors: Double] = [.f32: 10, .bf16: 20, .int8: 40]
            return Moment(readings: [100 * reading], peaks: [peaks.mapValues { $0 * computing }])
        }
        for kind in [TimedTest.Kind.prompt, .steps] {
            // Without figures nothing changes, and what is twice as fast takes half of the time.
            let none = prediction(kind, [Moment(readings: nil, peaks: nil)], profile)
            #expect(none.atPace.seconds == none.byProfile.seconds && none.byProfile.seconds > 0)
            let twice = prediction(kind, [moment(9, 9), moment(2, 2), moment(0.5, 1)], profile)
            #expect(twice.byProfile.seconds == none.byProfile.seconds)
            #expect(abs(twice.atPace.seconds / none.byProfile.seconds - 0.5) < 1e-9)
        }
        // Memory counts for a token, arithmetic for a prompt, where calls, elements and layers cost nothing.
        (rank.secondsPerElement, rank.secondsPerLayer) = (0, 0)
        rank.products = rank.products.map { product in
            ProductProfile(
                encoding: product.encoding, math: product.math, tokenBytesPerSecond: product.tokenBytesPerSecond,
                tokenSeconds: 0, chunkOperationsPerSecond: product.chunkOperationsPerSecond)
        }
        let ideal = self.profile(rank)
        func gain(_ kind: TimedTest.Kind, _ moment: Moment) -> Double {
            let prediction = prediction(kind, [moment], ideal)
            return prediction.byProfile.seconds / prediction.atPace.seconds
        }
        #expect(gain(.steps, moment(4, 1)) > gain(.steps, moment(1, 4)))
        #expect(gain(.prompt, moment(1, 4)) > gain(.prompt, moment(4, 1)))
    }

    @Test func productsByTilesGoAsFastAsWhatFillsThem() {
        let before = rank(.amx)
        let pace = Pace(of: before, reading: 100, peaks: [.f32: 20, .bf16: 5, .int8: 160])
        let after = profile(before).at([pace]).ranks[0]
        #expect(after.products.map(\.chunkOperationsPerSecond) == [2000, 2000, 2000, 2000])
        #expect(after.peaks.map(\.operationsPerSecond) == [20, 5, 160])
    }

    @Test func whatIsMultipliedDependsOnWeightsArithmeticAndProcessor() {
        func factors(
            _ isGrouped: Bool, _ isBFloat: Bool, _ math: Math, _ hasBFloats: Bool, _ hasTiles: Bool
        ) -> Factors {
            Factors.ofProducts(
                isGrouped: isGrouped, isBFloat: isBFloat, math, hasBFloats: hasBFloats, hasTiles: hasTiles)
        }
        #expect(factors(true, false, .precise, true, true) == .f32)
        #expect(factors(false, true, .precise, true, true) == .f32)
        #expect(factors(true, false, .fast, true, false) == .int8 && factors(true, false, .fast, true, true) == .bf16)
        #expect(factors(false, true, .fast, true, false) == .bf16 && factors(false, true, .fast, false, false) == .f32)
        #expect(factors(false, false, .fast, true, true) == .f32)
    }
}
