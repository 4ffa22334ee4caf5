import Blueprint
import Partition
import Testing

@Suite struct TrafficTests {
    /// Five layers of two branches, width 160, ten heads of 16 channels, an MLP of 411.
    static let (layers, width, inner, mlpWidth) = (5, 160, 160, 411)

    @Test(arguments: [1, 7, 256])
    func aSumPerBranchAndOneForTheEmbeddingAreExchanged(tokens: Int) throws {
        for shares in Resource.shares where shares.count > 1 {
            for cutting in Cutting.allCases {
                let traffic = try Resource.plan("alice", shares, .sum, cutting).traffic(tokens: tokens)
                #expect(traffic.collectives == 1 + 2 * Self.layers)
                #expect(traffic.byteCount == 4 * tokens * Self.width * (1 + 2 * Self.layers))
            }
        }
    }

    @Test(arguments: [1, 7, 256])
    func twoGathersPerBranchAreExchangedInWayGather(tokens: Int) throws {
        for shares in Resource.shares where shares.count > 1 {
            let traffic = try Resource.plan("alice", shares, .gather).traffic(tokens: tokens)
            #expect(traffic.collectives == 1 + 4 * Self.layers)
            let perLayer = Self.inner + Self.width + Self.mlpWidth + Self.width
            #expect(traffic.byteCount == 4 * tokens * (Self.width + Self.layers * perLayer))
        }
    }

    @Test func paddedGathersExchangeTheLongestRangeOfEveryRank() throws {
        let plan = try Resource.plan("alice", [5, 3, 2], .gather, .padded)
        let longestHeads = try #require(Resource.attentions(plan.blueprint).first.map { plan.split(of: $0.queryAxis) })
        let mlp = try #require(plan.blueprint.layers.first?.branches.last?.mixer.axes[0])
        let perLayer =
            3 * (longestHeads.longest * 16 + plan.split(of: mlp).longest)
            + 2 * 3 * plan.split(of: plan.blueprint.widthAxis).longest
        #expect(plan.traffic(tokens: 2).byteCount == 4 * 2 * (Self.width + Self.layers * perLayer))
        #expect(plan.traffic(tokens: 2).collectives == 1 + 4 * Self.layers)
    }

    @Test func aDecodedTokenAddsAnOrderAndACandidatePerRank() throws {
        for shares in Resource.shares where shares.count > 1 {
            let plan = try Resource.plan("alice", shares)
            #expect(plan.decodingTraffic.collectives == plan.traffic(tokens: 1).collectives + 2)
            #expect(plan.decodingTraffic.byteCount == plan.traffic(tokens: 1).byteCount + 32 + 8 * shares.count)
        }
    }

    @Test func everyRankAddsAWholeVectorToEachSum() throws {
        for shares in Resource.shares where shares.count > 1 {
            for cutting in Cutting.allCases {
                let plan = try Resource.plan("alice", shares, .sum, cutting)
                for rank in shares.indices {
                    let vectors = 4 * Self.width * (1 + 2 * Self.layers)
                    #expect(plan.sentByteCount(rank: rank) == vectors + 8 + (rank == 0 ? 32 : 0))
                }
            }
        }
    }

    @Test func whatRanksSendInWayGatherIsWhatIsGathered() throws {
        for shares in Resource.shares where shares.count > 1 {
            for cutting in Cutting.allCases {
                let plan = try Resource.plan("alice", shares, .gather, cutting)
                let sent = shares.indices.reduce(0) { $0 + plan.sentByteCount(rank: $1) }
                // The sum after the embedding is one vector of the traffic and one of each rank.
                #expect(sent == plan.decodingTraffic.byteCount + 4 * Self.width * (shares.count - 1))
            }
        }
        let plan = try Resource.plan("alice", [5, 3, 2], .gather)
        let mlp = try #require(plan.blueprint.layers.first?.branches.last?.mixer.axes[0])
        let attention = try #require(Resource.attentions(plan.blueprint).first)
        for rank in 0..<3 {
            let inner = plan.split(of: attention.queryAxis)[rank].count * 16 + plan.split(of: mlp)[rank].count
            let rows = plan.split(of: plan.blueprint.widthAxis)[rank].count
            let floats = Self.width + Self.layers * (inner + 2 * rows)
            #expect(plan.sentByteCount(rank: rank) == 4 * floats + 8 + (rank == 0 ? 32 : 0))
        }
    }

    @Test func oneRankExchangesNothing() throws {
        for way in Way.allCases {
            let plan = try Resource.plan("alice", [1], way)
            #expect(plan.traffic(tokens: 9) == .none && plan.decodingTraffic == .none)
            #expect(plan.sentByteCount(rank: 0) == 0)
        }
    }
}
