/// The part of the work of each rank, as a user gives it.
public enum Shares: Sendable, Hashable {
    /// One number per rank, in rank order.
    case perRank([Double])
    /// One number per host, for each rank of that host, in the order of the file.
    case perHost([HostShare])

    /// Shares per rank, written as `5:3:2`.
    ///
    /// - Throws: ``PartitionError`` where a part is not a finite number above zero.
    public init(list: String) throws(PartitionError) {
        var shares: [Double] = []
        for (rank, part) in list.split(separator: ":", omittingEmptySubsequences: false).enumerated() {
            guard let share = Double(part) else { throw .shareNotANumber(rank: rank, found: String(part)) }
            shares.append(share)
        }
        try Policy.check(shares)
        self = .perRank(shares)
    }

    /// Shares per host, written as lines `host share`; what follows a `#` is a comment.
    ///
    /// - Parameters:
    ///   - text: what the file holds.
    ///   - path: names the file in errors.
    /// - Throws: ``PartitionError`` for a line of another form, a host of two lines, or no line at all.
    public init(file text: String, path: String) throws(PartitionError) {
        var shares: [HostShare] = []
        var lines: [String: Int] = [:]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let fields = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard !fields.isEmpty else { continue }
            let number = index + 1
            guard fields.count == 2, let share = Double(fields[1]), share.isFinite, share > 0 else {
                throw .shareLine(path: path, line: number, found: fields.joined(separator: " "))
            }
            let host = String(fields[0])
            if let first = lines[host] {
                throw .hostTwice(path: path, line: number, firstLine: first, host: host)
            }
            lines[host] = number
            shares.append(HostShare(host: host, share: share))
        }
        guard !shares.isEmpty else { throw .noShareLines(path: path) }
        self = .perHost(shares)
    }

    /// The share of each rank.
    ///
    /// A host is found by its exact name, or else by the part before the first dot.
    ///
    /// - Parameter hosts: the host name of each rank.
    /// - Throws: ``PartitionError`` for a count that does not fit, and for a host with no line or more than one.
    public func resolved(hosts: [String]) throws(PartitionError) -> [Double] {
        switch self {
        case .perRank:
            return try resolved(rankCount: hosts.count)
        case .perHost(let known):
            var resolved: [Double] = []
            for host in hosts { resolved.append(try Self.share(of: host, known)) }
            return resolved
        }
    }

    /// The share of each rank where hosts are not known: those of a file belong to one rank per line, in its order.
    ///
    /// - Parameter rankCount: the number of ranks; nil for as many as there are shares.
    /// - Throws: ``PartitionError`` where that is not the number of shares.
    public func resolved(rankCount: Int?) throws(PartitionError) -> [Double] {
        let (shares, text): ([Double], String) =
            switch self {
            case .perRank(let shares):
                (shares, Figure.shares(shares))
            case .perHost(let known):
                (known.map(\.share), known.map { "\($0.host) \(Figure.number($0.share))" }.joined(separator: ", "))
            }
        guard shares.count == rankCount ?? shares.count else {
            throw .shareCount(expected: rankCount ?? shares.count, found: shares.count, shares: text)
        }
        return shares
    }

    private static func share(of host: String, _ known: [HostShare]) throws(PartitionError) -> Double {
        if let exact = known.first(where: { $0.host == host }) { return exact.share }
        let short = shortForm(host)
        let alike = known.filter { shortForm($0.host) == short }
        guard let match = alike.first else { throw .hostWithoutShare(host: host, known: known.map(\.host)) }
        guard alike.count == 1 else { throw .hostAmbiguous(host: host, found: alike.map(\.host)) }
        return match.share
    }

    /// The name up to the first dot; all of an address, whose first number names no host.
    static func shortForm(_ host: String) -> Substring {
        let first = host.prefix { $0 != "." }
        return first.allSatisfy(\.isNumber) ? host[...] : first
    }
}
