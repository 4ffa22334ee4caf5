import Blueprint
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
                    $0 + plan.heads(of: attention, rank: $1).keyValues.count
                }
                let weights = attention.key.weights + attention.value.weights
                heldTwice +=
                    copies
                    * weights.reduce(0) { $0 + $1.elementCount * ($1.isVector ? 4 : 2) } / attention.keyValueHeads
            }
            #expect(
                holdings.reduce(0) { $0 + $1.fileByteCount }
                    == modelByteCount + (shares.count - 1) * replicated + heldTwice)
            #expect(holdings.allSatisfy { $0.replicatedByteCount == replicated })
            #expect(holdings.allSatisfy { $0.fileByteCount == $0.weightByteCount })
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
        let vectors = blueprint.weights.filter(\.isVector).reduce(0) { $0 + $1.elementCount }
        let holdings = plan.holdings(rank: 0)
        #expect(holdings.fileByteCount == 2 * blueprint.parameterCount)
        #expect(holdings.weightByteCount == 2 * blueprint.parameterCount + 2 * vectors)
    }

    @Test func theCacheHoldsKeysAndValuesOfTheWholeContext() throws {
        let plan = try Resource.plan("alice", [5, 3, 2], context: 100)
        let keyValueHeads = (0..<3).map { rank in
            Resource.attentions(plan.blueprint).map { plan.heads(of: $0, rank: rank).keyValues.count }.reduce(0, +)
        }
        for rank in 0..<3 {
            #expect(plan.holdings(rank: rank).cacheByteCount == 2 * 4 * 100 * 16 * keyValueHeads[rank])
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
            #expect(buffers.queries == Workspace.Buffer(40, heads.heldQueries * 16))
            #expect(buffers.heads == buffers.queries && buffers.keys == buffers.values)
            #expect(buffers.keys == Workspace.Buffer(40, heads.heldKeyValues * 16))
            #expect(buffers.logits == Workspace.Buffer(16, rows))
            #expect(buffers.rotation == Workspace.Buffer(100, 16))
            #expect(buffers.gathered.byteCount + buffers.part.byteCount + buffers.exchange.byteCount == 0)
            #expect(plan.holdings(rank: rank).workspaceByteCount == buffers.byteCount)
        }
        #expect((0..<3).reduce(0) { $0 + plan.workspace(rank: $1).gate.columns } == 411)
        #expect((0..<3).allSatisfy { plan.workspace(rank: $0).gate == plan.workspace(rank: $0).up })
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
        let padded = try Resource.plan("alice", [5, 3, 2], .gather, .padded)
        let mlp = try #require(padded.blueprint.layers.first?.branches.last?.mixer.axis)
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
        let reached = (0..<3).map { plan.shareReached(rank: $0) }
        #expect((reached.reduce(0, +) - 1).magnitude < 1e-12)
        #expect(zip(reached, [0.5, 0.3, 0.2]).allSatisfy { ($0 - $1).magnitude < 0.02 })
    }
}
