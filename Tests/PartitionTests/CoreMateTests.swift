import Partition
import Testing

@Suite struct CoreMateTests {
    /// Four ranks of one thread on one core or, as `mates` says, on more; each has `share` of the time.
    private func profile(_ mates: [[Int]], share: Double) -> ClusterProfile {
        var profile = Clusters.profile(mates.map { _ in Clusters.rank(1e9) })
        for rank in mates.indices {
            profile.ranks[rank].coreMates = mates[rank].isEmpty ? nil : mates[rank]
            profile.ranks[rank].coreShare = mates[rank].isEmpty ? 1 : share
        }
        for index in profile.collectives.indices {
            profile.collectives[index].computedPoints = [1, 1 << 20].map { .init(byteCount: $0, seconds: 0.125) }
        }
        return profile
    }

    private func othersOf(_ count: Int) -> [[Int]] { (0..<count).map { rank in (0..<count).filter { $0 != rank } } }

    @Test func aRankAloneHasItsCoreForItself() throws {
        let all = profile(othersOf(4), share: 0.25)
        let one = try all.first(1, path: "")
        #expect(one.ranks[0].coreShare == 1 && one.ranks[0].coreMates == nil)
        #expect(one.ranks[0].readBandwidth == 4e9 && one.ranks[0].secondsPerElement == 0.25e-9)
        let product = one.ranks[0].products[0]
        #expect(product.tokenBytesPerSecond == 4e9 && product.chunkOperationsPerSecond == 4e10)
        #expect(product.tokenSeconds == 0.25e-6 && one.ranks[0].secondsPerLayer == 0.25e-6)
        #expect(one.ranks[0].attention[0].tokenBytesPerSecond == 2e9)
    }

    @Test func thoseThatAreLeftShareWhatTheOthersHad() throws {
        let three = try profile(othersOf(4), share: 0.25).first(3, path: "")
        #expect(three.ranks.map(\.coreMates) == [[1, 2], [0, 2], [0, 1]])
        #expect(three.ranks.allSatisfy { abs($0.coreShare - 1 / 3.0) < 1e-12 && abs($0.readBandwidth - 4e9 / 3) < 1 })
        // Four ranks on two cores: two of them take no turns, and are not faster than a core.
        let two = try profile(othersOf(4), share: 0.5).first(2, path: "")
        #expect(two.ranks.allSatisfy { $0.coreShare == 1 && $0.readBandwidth == 2e9 && $0.coreMates == nil })
    }

    @Test func whoTakesNoTurnsAnyMoreVariesAsOthersDo() throws {
        var all = profile([[1], [0], []], share: 0.5)
        all.ranks[2].stageVariation = 0.1
        let two = all.keeping([0, 2])
        #expect(two.ranks.map(\.stageVariation) == [0.1, 0.1] && two.ranks[0].coreMates == nil)
        #expect(all.keeping([0, 1]).ranks.map(\.stageVariation) == [nil, nil])
    }

    @Test func ranksOnOtherCoresDoNotCount() throws {
        let pairs = profile([[1], [0], [3], [2], []], share: 0.5)
        let three = try pairs.first(3, path: "")
        #expect(three.ranks.map(\.coreMates) == [[1], [0], nil])
        #expect(three.ranks.map(\.coreShare) == [0.5, 0.5, 1] && three.ranks.map(\.readBandwidth) == [1e9, 1e9, 2e9])
        #expect(three.collectives == pairs.collectives)
    }

    @Test func threadsOfAMateCountEach() throws {
        var all = profile(othersOf(2), share: 0.25)
        all.ranks[1].threads = 3
        #expect(try all.first(1, path: "").ranks[0].coreShare == 1)
        all.ranks[0].coreShare = 0.125
        #expect(try all.first(1, path: "").ranks[0].coreShare == 0.5)
    }

    @Test func collectivesAreThoseOfRanksWithCoresOnceNoneTakesTurns() throws {
        let pairs = profile([[2], [3], [0], [1]], share: 0.5)
        let two = try pairs.first(2, path: "")
        #expect(two.ranks.allSatisfy { $0.coreMates == nil && $0.coreShare == 1 })
        #expect(two.collectives[0].points == pairs.collectives[0].computedPoints)
        #expect(two.collectives.map(\.rankCount) == pairs.collectives.map(\.rankCount))
        // A profile that does not say who takes turns stays as it is.
        var old = pairs
        for rank in old.ranks.indices { old.ranks[rank].coreMates = nil }
        let kept = try old.first(2, path: "")
        #expect(kept.collectives == old.collectives && kept.ranks == Array(old.ranks.prefix(2)))
    }
}
