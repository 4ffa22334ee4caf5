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

    private func plan(shares: [Double]) throws -> Plan {
        let blueprint = try Blueprint(
            configuration: """
                {"architectures": ["LlamaForCausalLM"], "hidden_size": 32, "num_hidden_layers": 2,
                 "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 64,
                 "vocab_size": 48, "max_position_embeddings": 64}
                """)
        return try Plan(blueprint, policy: Policy(shares: shares, context: 32, chunk: 8), encoding: { _ in .bf16 })
    }

    private func prediction(
        _ kind: TimedTest.Kind, _ rates: [MachineRates], _ profile: ClusterProfile
    ) throws -> TimedPrediction {
        var test = TimedTest(kind: kind, batch: kind == .prompt ? 8 : 1, firstPosition: 8, stepCount: 4)
        test.rates = rates
        return test.prediction(CostModel(try plan(shares: profile.ranks.map { _ in 1 }), profile))
    }

    /// Rates of ranks that read and compute so many times what their profile says.
    private func rates(_ factors: (reading: Double, computing: Double)...) -> MachineRates {
        MachineRates(
            readBandwidths: factors.map { 100 * $0.reading },
            peaks: factors.map { [.f32: 10 * $0.computing, .bf16: 20 * $0.computing, .int8: 40 * $0.computing] })
    }

    @Test(arguments: [TimedTest.Kind.prompt, .steps])
    func aTestIsPredictedAtTheMedianOfEachRate(kind: TimedTest.Kind) throws {
        let profile = profile(rank(.avx512))
        // Without figures nothing changes, and what is twice as fast takes half of the time.
        let none = try prediction(kind, [MachineRates(readBandwidths: nil, peaks: nil)], profile)
        #expect(none.atPace.seconds == none.byProfile.seconds && none.byProfile.seconds > 0)
        let twice = try prediction(kind, [rates((9, 2)), rates((2, 9)), rates((0.5, 1))], profile)
        #expect(twice.byProfile.seconds == none.byProfile.seconds)
        #expect(abs(twice.atPace.seconds / none.byProfile.seconds - 0.5) < 1e-9)
    }

    @Test func eachRankHasItsOwnRates() throws {
        var both = profile(rank(.avx512))
        both.ranks.append(rank(.avx512))
        both.collectives = CollectiveProfile.Operation.allCases.map {
            CollectiveProfile(
                operation: $0, rankCount: 2, latencySeconds: 0, bytesPerSecond: 1e12, fitError: 0, points: [])
        }
        let found = try prediction(.steps, [rates((1, 1), (0.25, 0.25))], both)
        func computing(_ prediction: Prediction, _ rank: Int) -> Double {
            prediction.ranks[rank].seconds.filter { $0.key != .communication }.values.reduce(0, +)
        }
        #expect(abs(computing(found.atPace, 0) / computing(found.byProfile, 0) - 1) < 1e-9)
        #expect(abs(computing(found.atPace, 1) / computing(found.byProfile, 1) - 4) < 1e-9)
    }

    @Test func memoryCountsForATokenAndArithmeticForAPrompt() throws {
        // Where calls, elements and layers cost nothing.
        var rank = rank(.avx512)
        (rank.secondsPerElement, rank.secondsPerLayer) = (0, 0)
        rank.products = rank.products.map { product in
            ProductProfile(
                encoding: product.encoding, math: product.math, tokenBytesPerSecond: product.tokenBytesPerSecond,
                tokenSeconds: 0, chunkOperationsPerSecond: product.chunkOperationsPerSecond)
        }
        let ideal = profile(rank)
        func gain(_ kind: TimedTest.Kind, _ rates: MachineRates) throws -> Double {
            let prediction = try prediction(kind, [rates], ideal)
            return prediction.byProfile.seconds / prediction.atPace.seconds
        }
        #expect(try gain(.steps, rates((4, 1))) > gain(.steps, rates((1, 4))))
        #expect(try gain(.prompt, rates((1, 4))) > gain(.prompt, rates((4, 1))))
    }

    @Test func theMeanOfRatesIsThatOfEach() {
        let mean = rates((1, 4), (3, 1)).mean(with: rates((3, 2), (5, 1)))
        #expect(mean == rates((2, 3), (4, 1)))
        let none = MachineRates(readBandwidths: nil, peaks: nil)
        #expect(none.mean(with: none) == none)
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
