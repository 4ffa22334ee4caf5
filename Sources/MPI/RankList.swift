/// Some ranks with their hosts, as a message names them: `rank 1 on host-b`, `ranks 0-2 on host-a and host-b`.
package struct RankList {
    /// The ranks, in rising order.
    package let ranks: [Int]
    /// The hosts of all ranks of the communicator, in rank order.
    package let hosts: [String]

    /// Takes ranks in rising order, and the hosts of all ranks of their communicator.
    package init(_ ranks: [Int], hosts: [String]) {
        self.ranks = ranks
        self.hosts = hosts
    }

    /// `are` or `is`, `wait` or `waits`: the form that agrees with the number of ranks.
    package func verb(_ singular: String, _ plural: String) -> String {
        ranks.count == 1 ? singular : plural
    }
}

extension RankList: CustomStringConvertible {
    /// `rank 1 on host-b`, `ranks 0-2, 5 on host-a and host-b`.
    package var description: String {
        "\(ranks.count == 1 ? "rank" : "ranks") \(numbers) on \(places)"
    }

    /// The ranks with runs put together, such as `0-2, 5`.
    private var numbers: String {
        var runs: [ClosedRange<Int>] = []
        for rank in ranks {
            if let last = runs.last, last.upperBound == rank - 1 {
                runs[runs.count - 1] = last.lowerBound...rank
            } else {
                runs.append(rank...rank)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ", ")
    }

    private var places: String {
        var names: [String] = []
        for rank in ranks where !names.contains(hosts[rank]) { names.append(hosts[rank]) }
        guard names.count > 1, let last = names.popLast() else { return names.joined() }
        return names.joined(separator: ", ") + " and " + last
    }
}
