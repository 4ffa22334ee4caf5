import MPI
import Testing

@Suite struct MemoryShareTests {
    @Test(arguments: [1, 2, 3, 5]) func ranksOfOneHostDivideItsMemoryByShare(ranks: Int) {
        let weights = (1...ranks).map { $0 }
        let unit = 1_000_000
        let found = MemoryShare.byteCounts(
            weights.map { Double($0) * 0.5 }, hosts: Array(repeating: "0", count: ranks),
            available: Array(repeating: unit * weights.reduce(0, +), count: ranks))
        // The parts round down.
        for (byteCount, weight) in zip(found ?? [], weights) { #expect([0, 1].contains(unit * weight - byteCount)) }
        #expect(found?.count == ranks)
    }

    @Test func eachHostsMemoryGoesToItsOwnRanksWhateverTheirOrder() {
        let found = MemoryShare.byteCounts(
            [3, 1, 1, 5], hosts: ["0", "1", "0", "3"], available: [1000, 700, 1000, 400])
        #expect(found == [750, 700, 250, 400])
    }

    @Test func theRankThatSeesLeastSpeaksForItsHost() {
        #expect(MemoryShare.byteCounts([1, 1], hosts: ["0", "0"], available: [1000, 600]) == [300, 300])
        #expect(MemoryShare.byteCounts([1, 1], hosts: ["0", "0"], available: [nil, 600]) == [300, 300])
    }

    @Test func aHostWhereNoRankKnowsMakesAllUnknown() {
        #expect(MemoryShare.byteCounts([1, 1, 1], hosts: ["0", "0", "2"], available: [1000, 1000, nil]) == nil)
    }

    @Test func ranksThatAskForNothingGetNothingUnlessAllOfTheirHostDo() {
        let found = MemoryShare.byteCounts(
            [0, 2, 0, 0], hosts: ["0", "0", "2", "2"], available: [1000, 1000, 500, 500])
        #expect(found == [0, 1000, 250, 250])
    }

    @Test func theGreatestNumbersDoNotOverflow() {
        let found = MemoryShare.byteCounts([1, 0], hosts: ["0", "0"], available: [Int.max, Int.max])
        #expect(found == [Int.max, 0])
        #expect(MemoryShare.available(systemText: "MemAvailable: 9223372036854775807 kB\n", controlGroup: 5) == 5)
    }

    @Test func theSmallerOfSystemAndControlGroupCounts() {
        let text = "MemTotal:       16000000 kB\nMemFree:          100 kB\nMemAvailable:    2000 kB\nBuffers: 3 kB\n"
        #expect(MemoryShare.available(systemText: text, controlGroup: nil) == 2_048_000)
        #expect(MemoryShare.available(systemText: text, controlGroup: 2_048_001) == 2_048_000)
        #expect(MemoryShare.available(systemText: text, controlGroup: 1_000_000) == 1_000_000)
        #expect(MemoryShare.available(systemText: "MemFree: 100 kB\n", controlGroup: 7) == 7)
        #expect(MemoryShare.available(systemText: "", controlGroup: nil) == nil)
    }
}

@Suite struct ControlGroupMemoryTests {
    private func available(_ listing: String, _ files: [String: String]) -> Int? {
        ControlGroup.availableMemory(listing: listing) { files[$0] }
    }

    private func newGroup(_ path: String, limit: String, usage: Int, cache: Int) -> [String: String] {
        let folder = "/sys/fs/cgroup\(path)"
        return [
            "\(folder)/memory.max": "\(limit)\n", "\(folder)/memory.current": "\(usage)\n",
            "\(folder)/memory.stat": "anon 5\nfile 77\ninactive_anon 9\ninactive_file \(cache)\nactive_file 31\n",
        ]
    }

    private func oldGroup(_ path: String, limit: Int, usage: Int, cache: Int) -> [String: String] {
        let folder = "/sys/fs/cgroup/memory\(path)"
        return [
            "\(folder)/memory.limit_in_bytes": "\(limit)\n", "\(folder)/memory.usage_in_bytes": "\(usage)\n",
            "\(folder)/memory.stat": "inactive_file 1\nactive_file 2\ntotal_inactive_file \(cache)\n",
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
}
