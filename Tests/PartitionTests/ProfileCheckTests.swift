import Blueprint
import Partition
import Testing

@Suite struct ProfileCheckTests {
    private static let sound = Clusters.profile(
        [Clusters.rank(1e9, host: "tower"), Clusters.rank(2e9, host: "desk.lan")])

    @Test func aSoundProfilePasses() throws {
        try Self.sound.check(path: "cluster.json")
    }

    static let damages: [(String, @Sendable (inout ClusterProfile) -> Void)] = [
        ("formatVersion: expected 6", { $0.formatVersion = 1 }),
        ("ranks: expected at least one, found none", { $0.ranks = [] }),
        ("ranks[1].host", { $0.ranks[1].host = "" }),
        ("ranks[1].threads", { $0.ranks[1].threads = 0 }),
        ("ranks[0].memoryByteCount", { $0.ranks[0].memoryByteCount = -1 }),
        ("ranks[0].readBandwidth", { $0.ranks[0].readBandwidth = 0 }),
        ("ranks[0].products: expected at least one", { $0.ranks[0].products = [] }),
        ("ranks[0].products[1].encoding: expected", { $0.ranks[0].products[1].encoding = "q9" }),
        ("ranks[0].products[0].tokenBytesPerSecond", { $0.ranks[0].products[0].tokenBytesPerSecond = .infinity }),
        ("ranks[0].products[0].tokenSeconds", { $0.ranks[0].products[0].tokenSeconds = -1 }),
        ("ranks[0].products[0].chunkOperationsPerSecond", { $0.ranks[0].products[0].chunkOperationsPerSecond = -1 }),
        ("ranks[0].products[0].chunkSecondsPerByte", { $0.ranks[0].products[0].chunkSecondsPerByte = -1 }),
        ("ranks[0].products[0].chunkSecondsPerResult", { $0.ranks[0].products[0].chunkSecondsPerResult = .nan }),
        ("ranks[0].products[0].chunkSecondsPerInput", { $0.ranks[0].products[0].chunkSecondsPerInput = -1 }),
        ("ranks[0].coreShare: expected a part above 0, at most 1", { $0.ranks[0].coreShare = 1.5 }),
        (
            "ranks[1].coreMates: expected other ranks, of 0 to 1, each once, or no such key, found [0, 1]",
            { $0.ranks[1].coreMates = [0, 1] }
        ),
        ("ranks[0].coreMates", { $0.ranks[0].coreMates = [2] }),
        ("ranks[0].coreMates", { $0.ranks[0].coreMates = [1, 1] }),
        ("ranks[0].coreMates", { $0.ranks[0].coreMates = [] }),
        ("ranks[0].readSpread", { $0.ranks[0].readSpread = -0.1 }),
        (
            "ranks[0].peaks[0].operationsPerSecond",
            { $0.ranks[0].peaks = [.init(factors: "f32", operationsPerSecond: 0, spread: 0)] }
        ),
        ("ranks[1].attention: expected at least one", { $0.ranks[1].attention = [] }),
        ("ranks[1].attention[0].tokenBytesPerSecond", { $0.ranks[1].attention[0].tokenBytesPerSecond = 0 }),
        ("ranks[1].secondsPerElement", { $0.ranks[1].secondsPerElement = .nan }),
        ("ranks[1].secondsPerLayer", { $0.ranks[1].secondsPerLayer = -1 }),
        ("ranks[1].stageVariation: expected a part of a mean", { $0.ranks[1].stageVariation = -0.1 }),
        ("ranks[1].stageVariation", { $0.ranks[1].stageVariation = .nan }),
        ("ranks[0].stageVariation", { $0.ranks[0].stageVariation = 0.8 }),
        ("links[0]: expected 'from' below 'to'", { $0.links[0].to = 2 }),
        ("links[0].bytesPerSecond", { $0.links[0].bytesPerSecond = 0 }),
        ("collectives[0].bytesPerSecond", { $0.collectives[0].bytesPerSecond = 0 }),
        ("collectives[0].rankCount", { $0.collectives[0].rankCount = 1 }),
        (
            "collectives: expected one of operation broadcast",
            { $0.collectives.removeAll { $0.operation == .broadcast } }
        ),
        (
            "collectives[0].points[1].byteCount: expected more than 8",
            {
                $0.collectives[0].points = [.init(byteCount: 8, seconds: 1), .init(byteCount: 8, seconds: 1)]
            }
        ),
        ("collectives[0].points[0].seconds", { $0.collectives[0].points = [.init(byteCount: 8, seconds: 0)] }),
        (
            "collectives[0].computedPoints[0].seconds",
            { $0.collectives[0].computedPoints = [.init(byteCount: 8, seconds: -1)] }
        ),
    ]

    @Test(arguments: damages.indices) func aFigureThatMeansNothingIsRefusedByItsPlace(number: Int) {
        var profile = Self.sound
        let (place, damage) = Self.damages[number]
        damage(&profile)
        do {
            try profile.check(path: "cluster.json")
            Issue.record("\(place): expected a refusal")
        } catch {
            #expect(error.description.hasPrefix("cluster.json, \(place)"), "\(error)")
            #expect(error.description.hasSuffix("; correct it or measure again with 'lockstep probe'"))
        }
    }

    @Test func ranksOfAJobAreFoundByTheirHosts() throws {
        let path = "cluster.json"
        let job = try Self.sound.matching(hosts: ["desk", "tower.lan"], path: path)
        #expect(job.ranks.map(\.readBandwidth) == [2e9, 1e9])
        #expect(job.links.map { [$0.from, $0.to] } == [[0, 1]])
        #expect(try Self.sound.matching(hosts: ["desk"], path: path).links.isEmpty)
        #expect(throws: PartitionError.self) { try Self.sound.matching(hosts: ["tower", "tower"], path: path) }
        #expect(throws: PartitionError.self) { try Self.sound.first(3, path: path) }
        #expect(try Self.sound.first(1, path: path).ranks.map(\.host) == ["tower"])
    }

    @Test func whatHasChangedSinceIsSaid() {
        let lines = Self.sound.differences(threads: [1, 4], instructionSets: ["portable", "avx2"], version: "2")
        #expect(
            lines == [
                "it was measured by version 1, this is 2", "rank 1 was measured with 1 threads and has 4",
                "rank 1 was measured with portable and uses avx2",
            ])
        #expect(
            Self.sound.differences(threads: [1, 1], instructionSets: ["portable", "portable"], version: "1").isEmpty)
    }
}
