public import Partition

/// How a job wants its model run.
public struct Request: Sendable {
    /// The path of the weights file; nil for the embedded model.
    public var modelPath: String?
    /// The part of the work of each rank; nil for equal parts.
    public var shares: Shares?
    /// How ranks put their parts together.
    public var way: Way
    /// Whether ranges are padded to the longest.
    public var cutting: Cutting
    /// Tokens that the cache holds; nil for the model's own longest context, at most ``defaultContext``.
    public var context: Int?
    /// The most tokens of a prompt in one forward pass.
    public var chunk: Int
    /// Threads of this rank; nil for its fair part of the host's cores.
    public var threads: Int?

    /// The context where none is asked for and the model has a longer one.
    public static let defaultContext = 4096

    /// The embedded model, split evenly and summed, unless said otherwise.
    public init(
        modelPath: String? = nil, shares: Shares? = nil, way: Way = .sum, cutting: Cutting = .uneven,
        context: Int? = nil, chunk: Int = 256, threads: Int? = nil
    ) {
        self.modelPath = modelPath
        self.shares = shares
        self.way = way
        self.cutting = cutting
        self.context = context
        self.chunk = chunk
        self.threads = threads
    }
}

/// Shares by rank or by host.
public enum Shares: Sendable, Hashable {
    /// One per rank, in rank order.
    case perRank([Double])
    /// One per host name, for each rank of that host.
    case perHost([String: Double])

    /// The share of each rank.
    ///
    /// - Parameter hosts: the host name of each rank.
    /// - Throws: ``EngineError`` for a count that does not fit or a host without share.
    public func resolved(hosts: [String]) throws(EngineError) -> [Double] {
        switch self {
        case .perRank(let shares):
            guard shares.count == hosts.count else {
                throw .invalidSetting(
                    "shares: expected one per rank, \(hosts.count) in all, found \(shares.count)")
            }
            return shares
        case .perHost(let shares):
            var resolved: [Double] = []
            for host in hosts {
                guard let share = shares[host] ?? shares[String(host.prefix { $0 != "." })] else {
                    let known = shares.keys.sorted().joined(separator: ", ")
                    throw .invalidSetting("shares file: expected a line for host \(host), found only \(known)")
                }
                resolved.append(share)
            }
            return resolved
        }
    }
}
