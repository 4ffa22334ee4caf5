import MPI
import Testing

struct FreeMemoryTests {
    private func bytes(_ files: [String: String]) -> Int? { FreeMemory.bytes { files[$0] } }

    @Test func theTightestOfSystemAndGroupsCounts() {
        let system = "MemTotal: 100 kB\nMemAvailable:      64 kB\nBuffers: 1 kB\n"
        #expect(bytes([:]) == nil)
        #expect(bytes(["/proc/meminfo": system]) == 65536)
        let second = [
            "/proc/meminfo": system, "/proc/self/cgroup": "0::/a/b\n",
            "/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/b/memory.current": "900\n",
            "/sys/fs/cgroup/a/memory.max": "5000\n", "/sys/fs/cgroup/a/memory.current": "2000\n",
            "/sys/fs/cgroup/a/memory.stat": "anon 700\ninactive_file 500\nactive_file 1\n",
        ]
        // A group's files in the page cache can be given back: 5000 - (2000 - 500).
        #expect(bytes(second) == 3500)
        let first = [
            "/proc/meminfo": system, "/proc/self/cgroup": "3:cpu,cpuacct:/x\n2:memory:/job\n",
            "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "9223372036854771712\n",
            "/sys/fs/cgroup/memory/job/memory.usage_in_bytes": "10\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "4000\n",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes": "4500\n",
            "/sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 1500\n",
        ]
        #expect(bytes(first) == 1000)
    }

    @Test func aHostsMemoryIsDividedByShareAmongItsRanks() {
        let parts = FreeMemory.divided([1000, 600, 800], hosts: ["a", "b", "a"], shares: [3, 7, 1])
        #expect(parts == [600, 600, 200])
        #expect(FreeMemory.divided([nil, 600], hosts: ["a", "a"], shares: [1, 1]) == [300, 300])
        #expect(FreeMemory.divided([nil, 600], hosts: ["a", "b"], shares: [1, 1]) == nil)
    }
}
