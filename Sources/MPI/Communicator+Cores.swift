extension Communicator {
    /// The number of cores for this rank's threads, at least 1; all ranks of the job call it.
    ///
    /// Counts the cores that the rank may run on, each divided by the ranks of its host that may run on it too, and no
    /// more than its part of a quota that the kernel sets on processor time.
    public func fairCores() throws(MPIError) -> Int {
        let neighbours = try ranksOfThisHost()
        let lists = try neighbours.gatherStrings(CoreShare.allowedAtStart).map(CoreShare.allowed)
        let group = ControlGroup.ofThisProcess()
        let allGroups = try neighbours.gatherStrings(group.path)
        return CoreShare.cores(
            lists[neighbours.rank], among: lists, quota: group.quota,
            quotaSharers: allGroups.count { $0 == group.path })
    }

    /// A core for each of this rank's threads that no other thread of the job has, in increasing order; nil where the
    /// system should place them. All ranks of the job call it, each with its number of threads.
    public func distinctCores(threads: Int) throws(MPIError) -> [Int]? {
        let neighbours = try ranksOfThisHost()
        let lists = try neighbours.gatherStrings(CoreShare.allowedAtStart).map(CoreShare.allowed)
        let counts = try neighbours.gatherStrings("\(threads)").map { Int($0) ?? 1 }
        return CoreShare.distinct(threads: counts, allowed: lists, siblings: CoreShare.siblings)?[neighbours.rank]
    }

    /// Whether this rank's threads must take turns on cores, with those of other ranks or with each other; all ranks of
    /// the job call it, each with its number of threads.
    public func sharesCores(threads: Int) throws(MPIError) -> Bool {
        let neighbours = try ranksOfThisHost()
        let lists = try neighbours.gatherStrings(CoreShare.allowedAtStart).map(CoreShare.allowed)
        let counts = try neighbours.gatherStrings("\(threads)").map { Int($0) ?? 1 }
        return CoreShare.crowded(threads: counts, allowed: lists).contains(neighbours.rank)
    }

    /// The other ranks that must take turns on cores of this one's, if it must itself, in increasing order; all ranks
    /// of the job call it, each with its number of threads.
    public func ranksSharingCores(threads: Int) throws(MPIError) -> [Int] {
        let (hosts, lists, counts) = try hostsCoresAndThreads(threads)
        let ranks = (0..<size).filter { hosts[$0] == hosts[rank] }
        let crowded = Set(
            CoreShare.crowded(threads: ranks.map { counts[$0] }, allowed: ranks.map { lists[$0] }).map { ranks[$0] })
        guard crowded.contains(rank) else { return [] }
        let own = Set(lists[rank])
        return ranks.filter { $0 != rank && crowded.contains($0) && !own.isDisjoint(with: lists[$0]) }
    }

    /// Whether every thread of a rank and of this one can have a core of its own while the others of the job sleep, for
    /// every rank; all ranks of the job call it, each with its number of threads.
    public func ranksOnOtherCores(threads: Int) throws(MPIError) -> [Bool] {
        let (hosts, lists, counts) = try hostsCoresAndThreads(threads)
        func hasRoom(_ ranks: [Int]) -> Bool {
            CoreShare.crowded(threads: ranks.map { counts[$0] }, allowed: ranks.map { lists[$0] }).isEmpty
        }
        // Where the system does not tell, another host is taken to have cores enough.
        func hasRoomAlone(_ rank: Int) -> Bool { lists[rank].isEmpty || hasRoom([rank]) }
        return (0..<size).map { other in
            guard other != rank else { return false }
            return hosts[other] == hosts[rank] ? hasRoom([rank, other]) : hasRoomAlone(rank) && hasRoomAlone(other)
        }
    }

    /// Of every rank, what all ranks of its host and no others have in common, the cores that it may run on, and its
    /// threads; all ranks of the job call it, each with its number of threads.
    private func hostsCoresAndThreads(
        _ threads: Int
    ) throws(MPIError) -> (hosts: [String], cores: [[Int]], threads: [Int]) {
        let hosts = try gatherStrings("\(ranksOfThisHost().reporter)")
        let cores = try gatherStrings(CoreShare.allowedAtStart).map(CoreShare.allowed)
        return (hosts, cores, try gatherStrings("\(threads)").map { Int($0) ?? 1 })
    }
}

/// How cores are divided among the ranks of a host.
package enum CoreShare {
    /// The cores that this process might run on when it began, as the kernel lists them: what it was given, before it
    /// tied a thread to a core.
    static let allowedAtStart = allowedList(SystemFile.text(of: "/proc/self/status") ?? "")

    /// The whole cores that fall to a rank which may run on `own`, where `all` lists the cores of every rank of the
    /// host.
    ///
    /// `quota` is in cores, and shared by `quotaSharers` ranks.
    package static func cores(_ own: [Int], among all: [[Int]], quota: Double?, quotaSharers: Int) -> Int {
        var sharers: [Int: Int] = [:]
        for core in all.joined() { sharers[core, default: 0] += 1 }
        let share = own.reduce(0.0) { $0 + 1 / Double(sharers[$1] ?? 1) }
        let limit = quota.map { $0 / Double(max(1, quotaSharers)) } ?? .infinity
        // Thirds do not add up to a whole in binary.
        return max(1, Int(min(share, limit) + 1e-6))
    }

    /// The value of `Cpus_allowed_list` in the text of `/proc/self/status`, such as `0-3,8`; empty if it is not there.
    package static func allowedList(_ status: String) -> String {
        let key = "Cpus_allowed_list:"
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else { return "" }
        return String(line.dropFirst(key.count).drop(while: \.isWhitespace))
    }

    /// The cores of a list such as `0-3,8`.
    package static func allowed(_ list: String) -> [Int] {
        list.split { $0 == "," || $0.isWhitespace }.flatMap { run in
            let ends = run.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [Int]() }
            return Array(first...last)
        }
    }
}

/// Which thread runs where.
extension CoreShare {
    /// The cores that are one physical core together with `core`, itself included.
    static func siblings(of core: Int) -> [Int] {
        let list = SystemFile.text(of: "/sys/devices/system/cpu/cpu\(core)/topology/thread_siblings_list")
        return allowed(list ?? "\(core)")
    }

    /// Distinct cores for the threads of every rank of a host, where `allowed` lists the cores that each rank may run
    /// on; the first of every group of siblings are used before the others.
    ///
    /// The result is nil where there are more threads than cores, or where whole physical cores would be left over:
    /// threads that are tied cannot make way for other programs, and with room to spare they should.
    package static func distinct(
        threads: [Int], allowed: [[Int]], siblings: (_ core: Int) -> [Int]
    ) -> [[Int]]? {
        let cores = Set(allowed.joined())
        let place = Dictionary(
            uniqueKeysWithValues: cores.map { core in
                (core, siblings(core).filter { cores.contains($0) && $0 < core }.count)
            })
        let wanted = threads.reduce(0, +)
        guard wanted <= cores.count, wanted >= place.values.count(where: { $0 == 0 }) else { return nil }
        var matching = CoreMatching(
            allowed: allowed, order: cores.sorted { (place[$0] ?? 0, $0) < (place[$1] ?? 0, $1) })
        for (rank, count) in threads.enumerated() {
            for _ in 0..<count {
                guard matching.addCore(for: rank) == nil else { return nil }
            }
        }
        return threads.indices.map { rank in matching.owners.filter { $0.value == rank }.keys.sorted() }
    }

    /// The ranks of a host whose threads cannot all have a core of their own, where `allowed` lists the cores that each
    /// rank may run on; empty where all can.
    package static func crowded(threads: [Int], allowed: [[Int]]) -> Set<Int> {
        var matching = CoreMatching(allowed: allowed, order: Set(allowed.joined()).sorted())
        var crowded: Set<Int> = []
        for (rank, count) in threads.enumerated() {
            for _ in 0..<count { crowded.formUnion(matching.addCore(for: rank) ?? []) }
        }
        return crowded
    }
}

/// Cores and the ranks that have them; finds a core for one more thread as long as there is any way.
private struct CoreMatching {
    let allowed: [Set<Int>]  // [ranks]
    let order: [Int]
    private(set) var owners: [Int: Int] = [:]

    init(allowed: [[Int]], order: [Int]) {
        self.allowed = allowed.map { Set($0) }
        self.order = order
    }

    /// Finds a core for one more thread of a rank.
    ///
    /// - Returns: nil, or where there is none the rank and those that have all the cores which it could have got.
    mutating func addCore(for rank: Int) -> Set<Int>? {
        var tried: Set<Int> = []
        guard !addCore(for: rank, &tried) else { return nil }
        return Set(tried.compactMap { owners[$0] }).union([rank])
    }

    /// Takes a free core, or one whose owner can have another instead.
    private mutating func addCore(for rank: Int, _ tried: inout Set<Int>) -> Bool {
        for core in order where allowed[rank].contains(core) && owners[core] == nil {
            owners[core] = rank
            return true
        }
        for core in order where allowed[rank].contains(core) && tried.insert(core).inserted {
            guard let owner = owners[core], owner != rank, addCore(for: owner, &tried) else { continue }
            owners[core] = rank
            return true
        }
        return false
    }
}
