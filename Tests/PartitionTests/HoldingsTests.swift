import Blueprint
import Compute
import Partition
import Testing

@Suite struct HoldingsTests {
    @Test(arguments: Resource.folders, Way.allCases)
    func bytesReadAreTheModelOnceAndWhatIsHeldTwice(folder: String, way: Way) throws {
        let blueprint = try Resource.blueprint(folder)
        let modelByteCount = blueprint.weights.reduce(0) { $0 + $1.elementCount * ($1.isVector ? 4 : 2) }
        let replicated = blueprint.weights.filter { $0.distribution == .replicated }
            .reduce(0) { $0 + $1.elementCount * 4 }
        for shares in Resource.shares {
            let plan = try Resource.plan(of: blueprint, shares, way)
            let holdings = shares.indices.map { plan.holdings(rank: $0) }
            var heldTwice = 0
            for attention in Resource.attentions(blueprint) {
                let copies = shares.indices.reduce(-attention.keyValueHeads) {
                    $0 + plan.heads(of: attention, rank: $1).covered.count
                }
                let weights = attention.key.weights + (attention.value?.weights ?? [])
                heldTwice +=
                    copies
                    * weights.reduce(0) { $0 + $1.elementCount * ($1.isVector ? 4 : 2) } / attention.keyValueHeads
            }
            #expect(
                holdings.reduce(0) { $0 + $1.fileByteCount }
                    == modelByteCount + (shares.count - 1) * replicated + heldTwice)
            #expect(
                holdings.allSatisfy {
                    $0.peakByteCount == $0.weightByteCount + $0.cacheByteCount + $0.workspaceByteCount
                })
        }
    }

    @Test func vectorsAreWidenedInMemoryButNotInTheFile() throws {
        let blueprint = try Resource.blueprint("qwen2-a-h84-i82-q7kv1-bf16")
        let policy = Policy(shares: [1], context: 8)
        let plan = try Plan(blueprint, policy: policy) { _ in .bf16 }
        let holdings = plan.holdings(rank: 0)
        #expect(holdings.fileByteCount == 2 * blueprint.parameterCount)
        // Rows of 84 columns take 192 bytes and those of 82 take 192, vectors of 84 take 384 and those of 12 take 64.
        let memory = blueprint.weights.reduce(0) { total, weight in
            let size = weight.isVector ? 4 * weight.rows : 2 * weight.columns
            return total + (weight.isVector ? 1 : weight.rows) * ((size + 63) / 64 * 64)
        }
        #expect(holdings.weightByteCount == memory)
        #expect(memory > holdings.fileByteCount)
    }

    /// The arena's own rule, without the plan's sums.
    private static func arenaByteCount(_ plan: Plan, rank: Int) -> (weights: Int, cache: Int, buffers: Int) {
        let weights = plan.blueprint.weights.reduce(0) { total, weight in
            let slice = plan.slice(of: weight, rank: rank)
            return total
                + (weight.isVector
                    ? Arena.byteCount(vector: slice.heldRows)
                    : Arena.byteCount(
                        rows: slice.heldRows, columns: slice.heldColumns, encoding: plan.encoding(of: weight),
                        firstColumn: slice.columns.lowerBound))
        }
        let cache = plan.blueprint.attentions.reduce(0) { total, attention in
            total
                + KeyValueCache.byteCount(
                    heads: plan.heads(of: attention, rank: rank).heldCovered, positions: plan.policy.context,
                    headSize: attention.headSize)
        }
        let buffers = plan.workspace(rank: rank).buffers.reduce(0) {
            $0 + Arena.byteCount(rows: $1.rows, columns: $1.columns)
        }
        return (weights, cache, buffers)
    }

    @Test(arguments: Way.allCases, Cutting.allCases)
    func holdingsAreWhatTheArenaTakes(way: Way, cutting: Cutting) throws {
        for (headSize, width, mlpWidth) in [(20, 84, 82), (2, 10, 7), (16, 64, 96), (18, 33, 411)] {
            let model = try Resource.model(
                heads: 6, keyValueHeads: 3, headSize: headSize, width: width, mlpWidth: mlpWidth, vocabulary: 101,
                layers: 2)
            for encoding in Encoding.allPlain + (try Resource.groupings().map(Encoding.grouped)) {
                for shares in Resource.shares {
                    let possible = try Resource.unlessPaddedInsideAGroup {
                        try Resource.plan(of: model, shares, way, cutting, context: 33, encoding: encoding)
                    }
                    guard let plan = possible else { continue }
                    for rank in shares.indices {
                        let (holdings, arena) = (plan.holdings(rank: rank), Self.arenaByteCount(plan, rank: rank))
                        #expect(holdings.weightByteCount == arena.weights)
                        #expect(holdings.cacheByteCount == arena.cache)
                        #expect(holdings.workspaceByteCount == arena.buffers)
                    }
                }
            }
        }
    }

    @Test(arguments: Cutting.allCases) func everySliceOfGroupsIsWhatTheArenaTakes(cutting: Cutting) throws {
        for grouping in try Resource.groupings() {
            let model = try Resource.model(heads: 6, keyValueHeads: 3, headSize: 20, width: 84, mlpWidth: 530)
            let arena = try Arena(byteCount: 1 << 24)
            var planned = 0
            for shares in Resource.shares {
                let possible = try Resource.unlessPaddedInsideAGroup {
                    try Resource.plan(of: model, shares, .sum, cutting, encoding: .grouped(grouping))
                }
                guard let plan = possible else { continue }
                for rank in shares.indices {
                    for weight in model.weights where !weight.isVector {
                        let slice = plan.slice(of: weight, rank: rank)
                        _ = try arena.matrix(
                            rows: slice.heldRows, columns: slice.heldColumns, encoding: .grouped(grouping),
                            firstColumn: slice.columns.lowerBound)
                    }
                    planned += plan.holdings(rank: rank).weightByteCount
                    for weight in model.weights where weight.isVector {
                        planned -= Arena.byteCount(vector: weight.rows)
                    }
                    #expect(planned == arena.usedByteCount, "\(grouping.name), \(shares), rank \(rank)")
                }
            }
        }
    }

    @Test func theCacheIsPaddedToSixteenPositionsAndValuesToSixteenElements() throws {
        let model = try Resource.model(heads: 2, keyValueHeads: 2, headSize: 20)
        for (encoding, bytes, scales) in [
            (CacheEncoding.f32, 4, 0), (.bf16, 2, 0), (.f16, 2, 0), (.q8, 1, 2 * 2 * 16 * 2),
        ] {
            let policy = Policy(shares: [1], context: 10, cache: encoding)
            let plan = try Plan(model, policy: policy) { _ in .bf16 }
            #expect(plan.holdings(rank: 0).cacheByteCount == 2 * 16 * (20 + 32) * bytes + scales)
        }
    }

    /// A chunk of 64 tokens sees 108 positions through a window of 45; blocks have 256.
    @Test func theCacheOfAWindowHoldsWhatAChunkSees() throws {
        let blueprint = try Resource.blueprint("phi3-a-h72-i82-q6kv3-bf16")
        func plan(context: Int) throws -> Plan {
            try Plan(blueprint, policy: Policy(shares: [1], context: context, chunk: 64)) { _ in .bf16 }
        }
        #expect(blueprint.attentions.allSatisfy { $0.window == 45 })
        let (whole, short) = (try plan(context: 512), try plan(context: 200))
        #expect(
            whole.tokensToTakeBack == 256 - 45 && blueprint.attentions.allSatisfy { whole.cachedPositions($0) == 256 })
        #expect(short.tokensToTakeBack == nil && blueprint.attentions.allSatisfy { short.cachedPositions($0) == 200 })
        // Four layers of three heads of twelve channels, values with room for sixteen.
        #expect(whole.holdings(rank: 0).cacheByteCount == 4 * 3 * 256 * (12 + 16) * 4)
    }

    @Test func theCacheHoldsKeysAndValuesOfTheWholeContext() throws {
        let plan = try Resource.plan("alice", [5, 3, 2], context: 100)
        let keyValueHeads = (0..<3).map { rank in
            Resource.attentions(plan.blueprint).map { plan.heads(of: $0, rank: rank).covered.count }.reduce(0, +)
        }
        for rank in 0..<3 {
            #expect(plan.holdings(rank: rank).cacheByteCount == 2 * 4 * 112 * 16 * keyValueHeads[rank])
        }
        #expect(keyValueHeads.reduce(0, +) >= 2 * 5)
    }

    @Test func buffersHaveTheShapesOfAForward() throws {
        let policy = Policy(shares: [5, 3, 2], context: 100, chunk: 40)
        let plan = try Plan(Resource.blueprint("alice"), policy: policy) { _ in .bf16 }
        let attention = try #require(Resource.attentions(plan.blueprint).first)
        for rank in 0..<3 {
            let buffers = plan.workspace(rank: rank)
            let heads = plan.heads(of: attention, rank: rank)
            let rows = plan.split(of: plan.blueprint.vocabularyAxis)[rank].count
            #expect(buffers.hidden == Workspace.Buffer(40, 160) && buffers.normed == buffers.hidden)
            #expect(buffers.branch == buffers.hidden)
            #expect(buffers.queries == Workspace.Buffer(40, heads.heldHeads * 16))
            #expect(buffers.heads == buffers.queries && buffers.keys == buffers.values)
            #expect(buffers.keys == Workspace.Buffer(40, heads.heldCovered * 16))
            #expect(buffers.logits == Workspace.Buffer(16, rows))
            #expect(buffers.rotation == Workspace.Buffer(100, 16))
            #expect(buffers.partials == Workspace.Buffer(1, heads.heldHeads * (16 + 16)))
            #expect(buffers.gathered.byteCount + buffers.part.byteCount + buffers.exchange.byteCount == 0)
            #expect(plan.holdings(rank: rank).workspaceByteCount == buffers.byteCount)
        }
        #expect((0..<3).reduce(0) { $0 + plan.workspace(rank: $1).gate.columns } == 411)
        #expect((0..<3).allSatisfy { plan.workspace(rank: $0).gate == plan.workspace(rank: $0).up })
    }

    @Test func fastMathHasRoomForTheLongestRoundedInput() throws {
        var policy = Policy(shares: [5, 3, 2], context: 100, chunk: 40, math: .fast)
        for encoding in [Encoding.bf16, .f32] {
            let plan = try Plan(Resource.blueprint("alice"), policy: policy) { $0.isVector ? .f32 : encoding }
            for rank in 0..<3 {
                let buffers = plan.workspace(rank: rank)
                let longest = max(buffers.hidden.columns, buffers.heads.columns, buffers.gate.columns)
                let byteCount = encoding == .bf16 ? Math.roundedByteCount(columns: longest) : 0
                #expect(buffers.rounded == Workspace.Buffer(40, byteCount / 4))
            }
        }
        policy.way = .gather
        let exact = try Plan(Resource.blueprint("alice"), policy: policy) { _ in .bf16 }
        #expect(exact.policy.math == .precise && exact.workspace(rank: 0).rounded.columns == 0)
    }

    @Test func gatherNeedsRoomForCompleteVectorsOnEveryRank() throws {
        let plan = try Resource.plan("alice", [5, 3, 2], .gather)
        let longest = plan.split(of: plan.blueprint.widthAxis).longest
        for rank in 0..<3 {
            let buffers = plan.workspace(rank: rank)
            #expect(buffers.gathered == Workspace.Buffer(32, 411))
            #expect(buffers.exchange == Workspace.Buffer(32, 411))
            #expect(buffers.part == Workspace.Buffer(32, longest))
        }
        let alone = try Resource.plan("alice", [1], .gather).workspace(rank: 0)
        #expect(alone.gathered.columns + alone.part.columns + alone.exchange.columns == 0)
        let padded = try Resource.plan("alice", [5, 3, 2], .gather, .padded)
        let mlp = try #require(padded.blueprint.layers.first?.branches.last?.mixer.axes[0])
        #expect(padded.workspace(rank: 2).gathered.columns == 411)
        #expect(padded.workspace(rank: 2).exchange.columns == 3 * padded.split(of: mlp).longest)
        #expect(padded.workspace(rank: 2).exchange.columns > 411)
    }

    @Test func aChunkIsNotLongerThanTheContext() throws {
        let policy = Policy(shares: [1], context: 5, chunk: 256)
        let plan = try Plan(Resource.blueprint("alice"), policy: policy) { _ in .bf16 }
        #expect(plan.policy.chunk == 5)
        #expect(plan.workspace(rank: 0).hidden.rows == 5 && plan.workspace(rank: 0).logits.rows == 5)
    }

    @Test func sharesReachedAreNearThoseAskedAndAddUpToOne() throws {
        let plan = try Resource.plan("alice", [50, 30, 20])
        #expect(plan.shareAsked(rank: 0) == 0.5)
        let reached = plan.summary.ranks.map(\.shareReached)
        #expect((reached.reduce(0, +) - 1).magnitude < 1e-12)
        #expect(zip(reached, [0.5, 0.3, 0.2]).allSatisfy { ($0 - $1).magnitude < 0.02 })
    }
}
