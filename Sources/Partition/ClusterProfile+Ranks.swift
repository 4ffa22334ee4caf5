extension ClusterProfile {
    /// The profile of some of the ranks in the order given, numbered anew; those that took turns on cores with ranks
    /// which are not among them have more of their cores' time, and where they take no turns any more vary as the
    /// others do that took none.
    ///
    /// Collectives stay those that were measured: of the first so many ranks, whichever these are. But where ranks
    /// took turns and none does any more, they are those computed for ranks with cores of their own.
    package func keeping(_ kept: [Int]) -> ClusterProfile {
        var profile = self
        profile.ranks = kept.map { withCores(of: kept, $0) }
        if takesTurns, !profile.takesTurns, let alone { profile.collectives = alone.collectives }
        profile.links = links.compactMap { link in
            guard let from = kept.firstIndex(of: link.from), let to = kept.firstIndex(of: link.to) else { return nil }
            var link = link
            (link.from, link.to) = (min(from, to), max(from, to))
            return link
        }
        return profile
    }

    /// Whether any ranks are known to take turns on cores.
    private var takesTurns: Bool { ranks.contains { $0.coreMates != nil } }

    /// A rank with the time that its cores have for it where only some of the ranks run.
    private func withCores(of kept: [Int], _ number: Int) -> RankProfile {
        var rank = ranks[number]
        guard let mates = rank.coreMates else { return rank }
        let left = kept.indices.filter { mates.contains(kept[$0]) }
        rank.coreMates = left.isEmpty ? nil : left
        guard !mates.allSatisfy(kept.contains) else { return rank }
        func threads(_ mates: [Int]) -> Double { Double(mates.reduce(rank.threads) { $0 + ranks[$1].threads }) }
        let room = rank.coreShare * threads(mates) / threads(mates.filter(kept.contains))
        let share = min(1, room)
        rank = rank.faster(reading: share / rank.coreShare, computing: share / rank.coreShare)
        rank.coreShare = share
        if room > Self.wholeCore { rank.coreMates = nil }
        if rank.coreMates == nil { rank.stageVariation = rank.stageVariation ?? usualVariation }
        return rank
    }

    /// The middle one of the ranks' variations; nil where none was measured.
    private var usualVariation: Double? {
        let known = ranks.compactMap(\.stageVariation).sorted()
        return known.isEmpty ? nil : known[known.count / 2]
    }

    // Shares are measured.
    private static let wholeCore = 0.95

    /// The profile of the first so many ranks.
    ///
    /// - Throws: ``PartitionError`` where it has fewer.
    public func first(_ rankCount: Int, path: String) throws(PartitionError) -> ClusterProfile {
        guard rankCount <= ranks.count else {
            throw .profile(
                path: path, place: "ranks", expected: "\(rankCount) ranks, as many as there are to be",
                found: "\(ranks.count)")
        }
        return keeping(Array(0..<rankCount))
    }

    /// The profile of a job's ranks, each the next one that was measured on its host.
    ///
    /// - Parameter hosts: the host of each rank, by its full or short name.
    /// - Throws: ``PartitionError`` for a host that was not measured, or with fewer ranks.
    public func matching(hosts: [String], path: String) throws(PartitionError) -> ClusterProfile {
        var kept: [Int] = []
        for (rank, host) in hosts.enumerated() {
            let short = Shares.shortForm(host)
            let free = ranks.indices.filter { !kept.contains($0) }
            let next = free.first { ranks[$0].host == host }
                ?? free.first { Shares.shortForm(ranks[$0].host) == short }
            guard let next else {
                throw .profile(
                    path: path, place: "ranks", expected: "one more on host \(host), where rank \(rank) runs",
                    found: ranks.map(\.host).joined(separator: ", "))
            }
            kept.append(next)
        }
        return keeping(kept)
    }

    /// Seconds of a message between two ranks: by their link, or where it was not measured what a broadcast takes.
    func messageSeconds(from: Int, to: Int, byteCount: Int) -> Double {
        let link = links.first { $0.from == min(from, to) && $0.to == max(from, to) }
        return link.map { $0.latencySeconds + Double(byteCount) / $0.bytesPerSecond }
            ?? seconds(Exchange(operation: .broadcast, byteCount: byteCount), rankCount: 2)
    }

    /// What of a job is not as it was when the profile was measured, in sentences.
    ///
    /// - Parameters:
    ///   - threads: of each rank.
    ///   - instructionSets: of each rank.
    public func differences(threads: [Int], instructionSets: [String], version: String) -> [String] {
        var lines: [String] = []
        if version != programVersion {
            lines.append("it was measured by version \(programVersion), this is \(version)")
        }
        for (rank, measured) in ranks.enumerated() where threads.indices.contains(rank) {
            if measured.threads != threads[rank] {
                lines.append("rank \(rank) was measured with \(measured.threads) threads and has \(threads[rank])")
            }
            if measured.instructionSet != instructionSets[rank] {
                lines.append(
                    "rank \(rank) was measured with \(measured.instructionSet) and uses \(instructionSets[rank])")
            }
        }
        return lines
    }
}
