import MPI
import Testing

@Suite struct MemoryShareTests {
    /// What each rank of these hosts gets where each sees so many bytes available, nil for unknown.
    private func divided(_ shares: [Double], hosts: [String], available: [Int?]) -> [Int]? {
        let bounds = available.map { byteCount in byteCount.map { [MemoryBound("system", $0)] } ?? [] }
        return MemoryPool.pools(bounds, hosts: hosts).map { MemoryPool.byteCounts(shares, pools: $0) }
    }

    @Test(arguments: [1, 2, 3, 5]) func ranksOfOneHostDivideItsMemoryByShare(ranks: Int) {
        let weights = (1...ranks).map { $0 }
        let unit = 1_000_000
        let found = divided(
            weights.map { Double($0) * 0.5 }, hosts: Array(repeating: "0", count: ranks),
            available: Array(repeating: unit * weights.reduce(0, +), count: ranks))
        // The parts round down.
        for (byteCount, weight) in zip(found ?? [], weights) { #expect([0, 1].contains(unit * weight - byteCount)) }
        #expect(found?.count == ranks)
    }

    @Test func eachHostsMemoryGoesToItsOwnRanksWhateverTheirOrder() {
        let found = divided([3, 1, 1, 5], hosts: ["0", "1", "0", "3"], available: [1000, 700, 1000, 400])
        #expect(found == [750, 700, 250, 400])
    }

    @Test func theRankThatSeesLeastSpeaksForItsHost() {
        #expect(divided([1, 1], hosts: ["0", "0"], available: [1000, 600]) == [300, 300])
        #expect(divided([1, 1], hosts: ["0", "0"], available: [nil, 600])?.last == 600)
    }

    @Test func aHostWhereNoRankKnowsMakesAllUnknown() {
        #expect(divided([1, 1, 1], hosts: ["0", "0", "2"], available: [1000, 1000, nil]) == nil)
        let own = [MemoryBound("data", 10, isShared: false)]
        #expect(MemoryPool.pools([own], hosts: ["0"]) == nil)
    }

    @Test func ranksThatAskForNothingGetNothingUnlessAllOfTheirHostDo() {
        let found = divided([0, 2, 0, 0], hosts: ["0", "0", "2", "2"], available: [1000, 1000, 500, 500])
        #expect(found == [0, 1000, 250, 250])
    }

    @Test func theGreatestNumbersDoNotOverflow() {
        #expect(divided([1, 0], hosts: ["0", "0"], available: [Int.max, Int.max]) == [Int.max, 0])
        #expect(MemoryBound.available(systemText: "MemAvailable: 9223372036854775807 kB\n") == nil)
    }

    @Test func theSystemTellsWhatIsAvailable() {
        let text = "MemTotal:       16000000 kB\nMemFree:          100 kB\nMemAvailable:    2000 kB\nBuffers: 3 kB\n"
        #expect(MemoryBound.available(systemText: text) == 2_048_000)
        #expect(MemoryBound.available(systemText: "MemFree: 100 kB\n") == nil)
        #expect(MemoryBound.available(systemText: "") == nil)
    }

    @Test func whatWasHeldCountsAfterItIsGivenBack() throws {
        let before = try #require(Communicator.peakMemory())
        // Far more than this process holds without it: what it holds now would be less.
        let count = 256 << 20
        do {
            let held = [UInt8](repeating: 1, count: count)
            #expect(held[count - 1] == 1)
        }
        let after = try #require(Communicator.peakMemory())
        #expect(before > 0 && after > count && after >= before)
    }

    @Test func ranksOfOneControlGroupDivideItAndHaveTheirOwnLimitsToThemselves() {
        let bounds = [
            [MemoryBound("system", 10_000), MemoryBound("/a", 900)],
            [MemoryBound("system", 10_000), MemoryBound("/a", 900), MemoryBound("data", 200, isShared: false)],
            [MemoryBound("system", 10_000), MemoryBound("data", 5000, isShared: false)],
            [MemoryBound("system", 700), MemoryBound("/a", 600)],
        ]
        let pools = MemoryPool.pools(bounds, hosts: ["0", "0", "0", "3"]) ?? []
        #expect(
            Set(pools) == [
                MemoryPool(ranks: [0, 1, 2], byteCount: 10_000), MemoryPool(ranks: [0, 1], byteCount: 900),
                MemoryPool(ranks: [1], byteCount: 200), MemoryPool(ranks: [2], byteCount: 5000),
                MemoryPool(ranks: [3], byteCount: 700), MemoryPool(ranks: [3], byteCount: 600),
            ])
        #expect(MemoryPool.byteCounts([0, 0, 0, 0], pools: pools) == [450, 200, 3333, 600])
    }

    @Test func limitsOfTheProcessLeaveWhatItHasNotTaken() {
        let status = "Name:\tlockstep\nVmSize:\t    1000 kB\nVmRSS:\t  20 kB\nVmData:\t     300 kB\n"
        #expect(MemoryBound.limits(statusText: status, addressSpace: nil, data: nil).isEmpty)
        #expect(
            MemoryBound.limits(statusText: status, addressSpace: 2_000_000, data: 1_000_000) == [
                MemoryBound("address space", 976_000, isShared: false), MemoryBound("data", 692_800, isShared: false),
            ])
        #expect(
            MemoryBound.limits(statusText: status, addressSpace: 1000, data: nil)
                == [MemoryBound("address space", 0, isShared: false)])
    }

    @Test func boundsArriveAsTheyWereSent() {
        let bounds = [MemoryBound("/sys/fs/cgroup/a b", 5), MemoryBound("data", 0, isShared: false)]
        #expect(MemoryBound.bounds(MemoryBound.text(of: bounds)) == bounds)
        #expect(MemoryBound.bounds("") == [])
    }
}

@Suite struct ControlGroupMemoryTests {
    private func available(_ listing: String, _ files: [String: String]) -> Int? {
        ControlGroup.memoryBounds(listing: listing) { files[$0] }.map(\.byteCount).min()
    }

    private func newGroup(_ path: String, limit: String, usage: Int, cache: Int) -> [String: String] {
        let folder = "/sys/fs/cgroup\(path)"
        return [
            "\(folder)/memory.max": "\(limit)\n", "\(folder)/memory.current": "\(usage)\n",
            "\(folder)/memory.stat": "anon 5\nfile 77\ninactive_anon 9\ninactive_file \(cache)\nactive_file 0\n",
        ]
    }

    private func oldGroup(_ path: String, limit: Int, usage: Int, cache: Int) -> [String: String] {
        let folder = "/sys/fs/cgroup/memory\(path)"
        return [
            "\(folder)/memory.limit_in_bytes": "\(limit)\n", "\(folder)/memory.usage_in_bytes": "\(usage)\n",
            "\(folder)/memory.stat":
                "inactive_file 1\nactive_file 2\ntotal_inactive_file \(cache)\ntotal_active_file 0\n",
        ]
    }

    private func merged(_ groups: [String: String]...) -> [String: String] {
        groups.reduce(into: [:]) { all, group in all.merge(group) { first, _ in first } }
    }

    @Test func aNewGroupLeavesItsLimitLessItsUsePlusReclaimableCache() {
        #expect(available("0::/a\n", newGroup("/a", limit: "1000", usage: 600, cache: 150)) == 550)
    }

    @Test func anOldGroupLeavesItsLimitLessItsUsePlusReclaimableCache() {
        #expect(available("4:memory:/x\n0::/\n", oldGroup("/x", limit: 1000, usage: 600, cache: 150)) == 550)
    }

    @Test func theTightestOfANewGroupAndAllThatContainItCounts() {
        let own = newGroup("/a/b/c", limit: "1000", usage: 100, cache: 0)
        let middle = newGroup("/a/b", limit: "max", usage: 5000, cache: 0)
        #expect(available("0::/a/b/c\n", merged(own, middle)) == 900)
        let outer = newGroup("/a", limit: "6000", usage: 5500, cache: 10)
        #expect(available("0::/a/b/c\n", merged(own, middle, outer)) == 510)
        let other = newGroup("/b", limit: "10", usage: 0, cache: 0)
        #expect(available("0::/a/b/c\n", merged(own, middle, outer, other)) == 510)
    }

    @Test func theTightestOfAnOldGroupAndAllThatContainItCounts() {
        let own = oldGroup("/x/y", limit: 0x7FFF_FFFF_FFFF_F000, usage: 100, cache: 0)
        #expect(available("4:memory:/x/y\n", own) == nil)
        let outer = oldGroup("/x", limit: 2000, usage: 1500, cache: 100)
        #expect(available("4:memory:/x/y\n", merged(own, outer)) == 600)
        let root = oldGroup("", limit: 700, usage: 400, cache: 0)
        #expect(available("4:memory:/x/y\n", merged(own, outer, root)) == 300)
    }

    @Test func insideAContainerTheRootIsTheGroupItself() {
        #expect(available("4:memory:/engine/0123\n", oldGroup("", limit: 700, usage: 400, cache: 0)) == 300)
        #expect(available("0::/../outside\n", newGroup("", limit: "700", usage: 400, cache: 0)) == 300)
    }

    @Test func bothVersionsMayLimitAProcess() {
        let files = merged(
            oldGroup("/x", limit: 1000, usage: 0, cache: 0), newGroup("/n", limit: "800", usage: 0, cache: 0))
        #expect(available("4:memory:/x\n0::/n\n", files) == 800)
    }

    @Test func aGroupOverItsLimitLeavesNothing() {
        #expect(available("0::/a\n", newGroup("/a", limit: "1000", usage: 1200, cache: 50)) == 0)
        #expect(available("0::/a\n", newGroup("/a", limit: "0", usage: 0, cache: 0)) == 0)
    }

    @Test func cacheBeyondTheUseIsNotCounted() {
        #expect(available("0::/a\n", newGroup("/a", limit: "1000", usage: 100, cache: 300)) == 1000)
    }

    @Test func aGroupThatCannotBeReadHasNoLimit() {
        var files = newGroup("/a", limit: "1000", usage: 600, cache: 150)
        files["/sys/fs/cgroup/a/memory.stat"] = nil
        #expect(available("0::/a\n", files) == 400)
        files["/sys/fs/cgroup/a/memory.current"] = nil
        #expect(available("0::/a\n", files) == nil)
        #expect(available("", [:]) == nil)
        #expect(available("nonsense\n7:\n", [:]) == nil)
    }

    @Test func cacheThatIsInUseCountsAsFreeToo() {
        var files = newGroup("/a", limit: "1000", usage: 600, cache: 150)
        files["/sys/fs/cgroup/a/memory.stat"] = "anon 50\ninactive_file 150\nactive_file 250\n"
        #expect(available("0::/a\n", files) == 800)
        files = oldGroup("/x", limit: 1000, usage: 600, cache: 150)
        files["/sys/fs/cgroup/memory/x/memory.stat"] = "total_inactive_file 150\ntotal_active_file 250\n"
        #expect(available("4:memory:/x\n", files) == 800)
    }

    @Test func aGroupThatIsSlowedDownBeforeItsLimitHasThatMuch() {
        var files = newGroup("/a", limit: "max", usage: 600, cache: 0)
        files["/sys/fs/cgroup/a/memory.high"] = "900\n"
        #expect(available("0::/a\n", files) == 300)
        files["/sys/fs/cgroup/a/memory.max"] = "700\n"
        #expect(available("0::/a\n", files) == 100)
    }

    @Test func limitsOfGroupsOutsideOfAContainerCount() {
        var files = oldGroup("", limit: 0x7FFF_FFFF_FFFF_F000, usage: 400, cache: 0)
        files["/sys/fs/cgroup/memory/memory.stat"] = "hierarchical_memory_limit 1000\ntotal_inactive_file 0\n"
        #expect(available("4:memory:/engine/0123\n", files) == 600)
    }

    @Test func eachGroupIsNamedByItsFolder() {
        let files = merged(
            newGroup("/a/b", limit: "500", usage: 0, cache: 0), newGroup("/a", limit: "800", usage: 100, cache: 0))
        let bounds = ControlGroup.memoryBounds(listing: "0::/a/b\n") { files[$0] }
        #expect(bounds == [MemoryBound("/sys/fs/cgroup/a/b", 500), MemoryBound("/sys/fs/cgroup/a", 700)])
    }
}
