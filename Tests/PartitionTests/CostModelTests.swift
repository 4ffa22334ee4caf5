import Blueprint
import Partition
import Testing

@Suite struct CostModelTests {
    /// A rank that reads a thousand bytes in a second of `slowness`, and computes a thousand operations.
    private func rank(slowness: Double, products: [ProductProfile]? = nil) -> RankProfile {
        RankProfile(
            host: "host", cores: 1, threads: 1, instructionSet: "portable", memoryByteCount: 1 << 40,
            readBandwidth: 1000 / slowness,
            products: products ?? [
                ProductProfile(
                    encoding: "f32", math: .precise, tokenBytesPerSecond: 1000 / slowness, tokenSeconds: 3,
                    chunkOperationsPerSecond: 1000 / slowness)
            ],
            attention: [
                AttentionProfile(
                    cache: .f32, tokenBytesPerSecond: 500 / slowness, chunkOperationsPerSecond: 100 / slowness)
            ], secondsPerElement: 0.001, secondsPerLayer: 8)
    }

    private func collective(_ operation: CollectiveProfile.Operation, _ ranks: Int) -> CollectiveProfile {
        CollectiveProfile(
            operation: operation, rankCount: ranks, latencySeconds: 1, bytesPerSecond: 64, fitError: 0, points: [])
    }

    private func profile(_ ranks: [RankProfile]) -> ClusterProfile {
        ClusterProfile(
            programVersion: "1", measured: "", ranks: ranks, links: [],
            collectives: CollectiveProfile.Operation.allCases.map { collective($0, 2) })
    }

    /// Width 32, two layers, two heads of 16 over two key-value heads, MLP 64, vocabulary 48.
    private func plan(shares: [Double], chunk: Int = 8) throws -> Plan {
        let model = try Resource.model(
            heads: 2, keyValueHeads: 2, width: 32, mlpWidth: 64, vocabulary: 48, layers: 2)
        return try Plan(model, policy: Policy(shares: shares, context: 16, chunk: chunk), encoding: { _ in .f32 })
    }

    private func isNear(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) < 1e-9 * expected }

    @Test func aTokenOnOneRankTakesItsBytesItsProductsAndItsLayers() throws {
        let prediction = CostModel(try plan(shares: [1]), profile([rank(slowness: 1)])).decodedToken(position: 11)
        // Rows of 32 numbers are 128 bytes: two lines of a cache without padding.
        let attention = 2 * (4 * 32 * 128 / 1000.0 + 2 * 3)
        // Twelve of sixteen positions of keys and values, two heads of 16.
        let cache = 2 * (12 * 2 * 2 * 16 * 4) / 500.0
        let mlp = 2 * (3 * 64 * 128 / 1000.0 + 2 * 3)
        let head = 48 * 128 / 1000.0 + 3 + 32 * 0.001
        let rest = 2 * 8 + 32 * 0.001
        let seconds = prediction.ranks[0].seconds
        #expect(isNear(seconds[.attention] ?? 0, attention + cache))
        #expect(isNear(seconds[.mlp] ?? 0, mlp))
        #expect(isNear(seconds[.head] ?? 0, head))
        #expect(isNear(seconds[.rest] ?? 0, rest))
        #expect(seconds[.communication] == 0 && prediction.ranks[0].waitSeconds == 0)
        #expect(isNear(prediction.seconds, attention + cache + mlp + head + rest))
    }

    @Test func theSlowerRankIsWaitedForInEveryStage() throws {
        let model = CostModel(try plan(shares: [1, 1]), profile([rank(slowness: 1), rank(slowness: 3)]))
        let prediction = model.decodedToken(position: 0)
        // Order, embedding, four sums and the choice, the vectors of 128 bytes.
        let exchange = (1 + 32 / 64.0) + 5 * (1 + 128 / 64.0) + (1 + 16 / 64.0)
        for rank in prediction.ranks {
            #expect(isNear(rank.seconds[.communication] ?? 0, exchange))
            #expect(isNear(rank.seconds.values.reduce(rank.waitSeconds, +), prediction.seconds))
        }
        #expect(prediction.ranks[1].waitSeconds == 0)
        // What is read takes three times as long, what a product or a layer takes beside it does not.
        let own = prediction.ranks.map { $0.seconds.values.reduce(0, +) - exchange }
        let beside = Double(2 * 8 + (2 * 4 + 1) * 3) + 2 * 32 * 0.001
        #expect(isNear(own[1] - beside, 3 * (own[0] - beside)))
        #expect(isNear(prediction.ranks[0].waitSeconds, own[1] - own[0]))
    }

    @Test func ranksWhoseStagesVaryWaitForEachOther() throws {
        func prediction(_ variation: Double?, slowness: Double) throws -> Prediction {
            var ranks = [rank(slowness: 1), rank(slowness: slowness)]
            for number in ranks.indices { ranks[number].stageVariation = variation }
            return CostModel(try plan(shares: [1, 1]), profile(ranks)).decodedToken(position: 0)
        }
        func computing(_ prediction: Prediction, _ rank: Int) -> Double {
            prediction.ranks[rank].seconds.filter { $0.key != .communication }.values.reduce(0, +)
        }
        let steady = try prediction(nil, slowness: 1)
        #expect(steady.ranks.allSatisfy { $0.waitSeconds == 0 })
        let varying = try prediction(0.1, slowness: 1)
        // The later of two alike comes four fifths of a step of 0.1 / sqrt(2) after the mean.
        let wait = computing(steady, 0) * 0.8 * 0.1 / 2.0.squareRoot()
        for rank in 0..<2 {
            #expect(isNear(varying.ranks[rank].waitSeconds, wait))
            #expect(isNear(computing(varying, rank), computing(steady, rank)))
        }
        #expect(isNear(varying.seconds, steady.seconds + wait) && isNear(varying.secondsAlone, steady.seconds))
        // Nobody waits for the faster one of two so unlike, but after the embedding, which takes both as long.
        let embedding = 32 * 0.001 * 0.8 * 0.1 / 2.0.squareRoot()
        #expect(
            isNear(try prediction(0.1, slowness: 9).seconds, try prediction(nil, slowness: 9).seconds + embedding))
    }

    @Test func aChunkTakesItsOperationsWhereTheseTakeLonger() throws {
        let model = CostModel(try plan(shares: [1]), profile([rank(slowness: 1)]))
        func mlp(_ tokens: Int) -> Double {
            model.chunk(tokens: tokens, firstPosition: 0, logitRows: 0).ranks[0].seconds[.mlp] ?? 0
        }
        let bytes = 64.0 * 128
        let operations = 64.0 * 32 * 2
        // Of two tokens reading takes longer, of eight computing.
        #expect(isNear(mlp(2), 2 * (3 * bytes / 1000 + 2 * 3)))
        #expect(isNear(mlp(8), 2 * 8 * 3 * operations / 1000))
    }

    @Test func weightsResultsAndInputsOfAChunkTakeTheirTime() throws {
        let product = ProductProfile(
            encoding: "f32", math: .precise, tokenBytesPerSecond: 1e9, tokenSeconds: 0, chunkOperationsPerSecond: 1e3,
            chunkSecondsPerByte: 2, chunkSecondsPerResult: 3, chunkSecondsPerInput: 5)
        let model = CostModel(try plan(shares: [1]), profile([rank(slowness: 1, products: [product])]))
        let seconds = model.chunk(tokens: 8, firstPosition: 0, logitRows: 0).ranks[0].seconds[.mlp] ?? 0
        // Gate and up have one input of 32; down has another of 64, and 32 results.
        let operations = 8 * 3 * 64 * 32 * 2 / 1000.0
        let weights = 3 * 64 * 128 * 2.0
        let results = 8 * (64 + 64 + 32) * 3.0
        let inputs = 8 * (32 + 64) * 5.0
        #expect(isNear(seconds, 2 * (operations + weights + results + inputs)))
    }

    @Test func ranksThatShareNoCoreTakeTheirPartOfTheTime() throws {
        var profile = profile([rank(slowness: 1), rank(slowness: 1)])
        profile.ranks[0].coreShare = 0.5
        profile.ranks[1].coreShare = 0.25
        for index in profile.collectives.indices {
            profile.collectives[index].computedPoints = [1, 1 << 20].map { .init(byteCount: $0, seconds: 0.125) }
        }
        let prediction = CostModel(try plan(shares: [1, 1]), profile).decodedToken(position: 0)
        // Order, embedding, four sums and the choice.
        #expect(isNear(prediction.exchangeSecondsAlone, 7 * 0.125))
        let exchange = prediction.ranks[0].seconds[.communication] ?? 0
        #expect(isNear(prediction.secondsAlone - 7 * 0.125, (prediction.seconds - exchange) / 2))
    }

    @Test func whereNoneShareCoresBothAreTheSame() throws {
        let prediction = CostModel(try plan(shares: [1, 1]), profile([rank(slowness: 1), rank(slowness: 3)]))
            .decodedToken(position: 0)
        #expect(isNear(prediction.secondsAlone, prediction.seconds))
        #expect(isNear(prediction.exchangeSecondsAlone, prediction.ranks[0].seconds[.communication] ?? 0))
    }

    @Test func aPromptIsTheSumOfItsChunksWithLogitsOnce() throws {
        let model = CostModel(try plan(shares: [1, 1]), profile([rank(slowness: 1), rank(slowness: 2)]))
        let parts = [(8, 0, 0), (8, 8, 0), (1, 16, 1)].map {
            model.chunk(tokens: $0.0, firstPosition: $0.1, logitRows: $0.2).seconds
        }
        let choice = 1 + 16 / 64.0
        #expect(isNear(model.prompt(tokens: 17).seconds, parts.reduce(choice, +)))
    }

    @Test func anEncodingThatWasNotMeasuredTakesTheNearest() throws {
        func product(_ encoding: String, _ math: Math, _ rate: Double) -> ProductProfile {
            ProductProfile(
                encoding: encoding, math: math, tokenBytesPerSecond: rate, tokenSeconds: 0,
                chunkOperationsPerSecond: 1)
        }
        let model = try Resource.model(heads: 2, keyValueHeads: 2, width: 32, mlpWidth: 64, vocabulary: 48)
        let plan = try Plan(model, policy: Policy(shares: [1], context: 16), encoding: { _ in .f16 })
        let lists: [([ProductProfile], Double)] = [
            ([product("q8g32", .precise, 1), product("f16", .fast, 2), product("bf16", .precise, 3)], 2),
            ([product("f32", .precise, 1), product("bf16", .fast, 2), product("bf16", .precise, 3)], 3),
            ([product("q8g32", .precise, 1), product("f32", .fast, 2)], 2),
        ]
        for (products, rate) in lists {
            let prediction = CostModel(plan, profile([rank(slowness: 1, products: products)]))
                .decodedToken(position: 0)
            #expect(isNear(prediction.ranks[0].seconds[.mlp] ?? 0, 3 * 64 * 64 / rate))
        }
    }
}
