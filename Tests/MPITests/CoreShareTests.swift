import MPI
import Testing

@Suite struct CoreShareTests {
    private func cores(_ own: [Int], among all: [[Int]], quota: Double? = nil, sharers: Int = 1) -> Int {
        CoreShare.cores(own, among: all, quota: quota, quotaSharers: sharers)
    }

    @Test(arguments: 1...9) func ranksOnTheSameCoresDivideThem(ranks: Int) {
        let all = Array(repeating: Array(0..<8), count: ranks)
        #expect(cores(all[0], among: all) == max(1, 8 / ranks))
    }

    @Test func ranksOnDifferentCoresKeepTheirs() {
        #expect(cores([0, 1, 2], among: [[0, 1, 2], [3]]) == 3)
        #expect(cores([3], among: [[0, 1, 2], [3]]) == 1)
    }

    @Test func onlyTheCommonCoresAreDivided() {
        #expect(cores([0, 1, 2, 3], among: [[0, 1, 2, 3], [2, 3]]) == 3)
        #expect(cores([2, 3], among: [[0, 1, 2, 3], [2, 3]]) == 1)
    }

    @Test func aQuotaLimitsAllWhoShareIt() {
        #expect(cores(Array(0..<8), among: [Array(0..<8)], quota: 2.5) == 2)
        #expect(cores(Array(0..<8), among: [Array(0..<8), Array(0..<8)], quota: 6, sharers: 2) == 3)
        #expect(cores(Array(0..<8), among: [Array(0..<8)], quota: 0.5) == 1)
    }

    @Test func aRankThatKnowsNoCoresHasOne() {
        #expect(cores([], among: [[]]) == 1)
    }

    @Test func listsOfCoresAreReadAsTheKernelWritesThem() {
        #expect(CoreShare.allowed("0-3,8,10-11") == [0, 1, 2, 3, 8, 10, 11])
        #expect(CoreShare.allowed("") == [])
        #expect(CoreShare.allowedList("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\nMems:\t1\n") == "0-1")
        #expect(CoreShare.allowedList("Name:\tx\n") == "")
    }
}

@Suite struct DistinctCoreTests {
    private func distinct(_ threads: [Int], _ allowed: [[Int]], siblings: [[Int]] = []) -> [[Int]]? {
        CoreShare.distinct(threads: threads, allowed: allowed) { core in
            siblings.first { $0.contains(core) } ?? [core]
        }
    }

    @Test(arguments: 1...7) func noCoreHasTwoThreads(ranks: Int) throws {
        let counts = (1...ranks).map { $0 % 3 + 1 }
        let cores = Array(0..<counts.reduce(0, +))
        let found = try #require(distinct(counts, Array(repeating: cores, count: ranks)))
        #expect(found.map(\.count) == counts)
        #expect(found.flatMap { $0 }.sorted() == cores)
    }

    @Test func threadsStayOnTheCoresThatTheirRankWasGiven() {
        // The first rank may go anywhere, and has to make way.
        #expect(distinct([2, 1, 1], [[0, 1, 2, 3], [0], [1]]) == [[2, 3], [0], [1]])
        #expect(distinct([1, 1, 1], [[0, 1], [1, 2], [0]]) == [[1], [2], [0]])
    }

    @Test func moreThreadsThanCoresAreLeftToTheSystem() {
        #expect(distinct([2, 1], [[0, 1], [0, 1]]) == nil)
        #expect(distinct([2, 2], [[0], [1, 2, 3]]) == nil)
        #expect(distinct([1], [[]]) == nil)
    }

    @Test func threadsThatLeaveCoresFreeAreLeftToTheSystem() {
        #expect(distinct([1], [[0, 1]]) == nil)
        #expect(distinct([1, 2], [[0, 1, 2, 3], [0, 1, 2, 3]]) == nil)
    }

    @Test func physicalCoresAreFilledBeforeTheirSecondHalves() {
        let pairs = [[0, 4], [1, 5], [2, 6], [3, 7]]
        #expect(distinct([2, 2], [Array(0..<8), Array(0..<8)], siblings: pairs) == [[0, 1], [2, 3]])
        #expect(distinct([5], [Array(0..<8)], siblings: pairs) == [[0, 1, 2, 3, 4]])
        #expect(distinct([2], [[0, 1, 2, 3]], siblings: [[0, 1], [2, 3]]) == [[0, 2]])
        #expect(distinct([3], [Array(0..<8)], siblings: pairs) == nil)
    }
}

@Suite struct CrowdedCoreTests {
    @Test func ranksAreCrowdedWhoseThreadsHaveFewerCores() {
        #expect(CoreShare.crowded(threads: [2, 1], allowed: [[0, 1, 2], [0, 1, 2]]).isEmpty)
        #expect(CoreShare.crowded(threads: [2, 2], allowed: [[0, 1, 2], [0, 1, 2]]) == [0, 1])
        #expect(CoreShare.crowded(threads: [2], allowed: [[0]]) == [0])
        #expect(CoreShare.crowded(threads: [1, 1, 1, 1], allowed: [[0, 1], [0, 1], [0, 1], [0, 1]]) == [0, 1, 2, 3])
    }

    @Test func whoeverHasOtherCoresIsNotCrowded() {
        #expect(CoreShare.crowded(threads: [1, 1, 1], allowed: [[0], [1], [1]]) == [1, 2])
        // The one that may go elsewhere makes way, in whatever order they come.
        #expect(CoreShare.crowded(threads: [1, 1], allowed: [[0, 1], [0]]).isEmpty)
        #expect(CoreShare.crowded(threads: [1, 1, 1], allowed: [[0], [0], [0, 1]]) == [0, 1])
        #expect(CoreShare.crowded(threads: [1, 1, 1], allowed: [[0, 1], [0], [0]]) == [1, 2])
        #expect(CoreShare.crowded(threads: [2, 1, 1], allowed: [[0, 1, 2], [3], [3]]) == [1, 2])
    }
}

@Suite struct ControlGroupTests {
    private func group(_ listing: String, _ files: [String: String]) -> ControlGroup {
        ControlGroup.ofProcess(listing: listing) { files[$0] }
    }

    @Test func theTightestLimitOfANewGroupAndItsParentsCounts() {
        let files = [
            "/sys/fs/cgroup/a/cpu.max": "150000 100000\n", "/sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
        ]
        let found = group("0::/a/b\n", files)
        #expect(found.path == "/a/b")
        #expect(found.quota == 1.5)
    }

    @Test func aNewGroupWithoutALimitHasNone() {
        #expect(group("0::/\n", ["/sys/fs/cgroup/cpu.max": "max 100000\n"]).quota == nil)
        #expect(group("", [:]).quota == nil)
    }

    @Test func anOldGroupIsFoundByItsController() {
        let files = [
            "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "50000\n", "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
            "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        ]
        let found = group("7:memory:/y\n4:cpu,cpuacct:/x\n0::/\n", files)
        #expect(found.path == "/x")
        #expect(found.quota == 0.5)
    }
}
