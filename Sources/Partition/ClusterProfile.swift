/// What `lockstep probe` has measured of a job's ranks and of what connects them.
///
/// It is written as JSON that a person can read and edit; the names of the keys are those of the properties and stay as
/// they are. Ranks were measured all at once, each with the threads that it will use, in several windows of time:
/// figures are medians, and a spread is the distance from the median that half of the windows keep within, as a part of
/// the median.
public struct ClusterProfile: Sendable, Hashable, Codable {
    /// The version of this form.
    public static let formatVersion = 6

    /// ``formatVersion`` of the program that wrote it.
    public var formatVersion: Int
    /// The version of the program that measured.
    public var programVersion: String
    /// When it was measured, ISO 8601 in UTC.
    public var measured: String
    /// In rank order.
    public var ranks: [RankProfile]
    /// Each pair of ranks, the lower first.
    public var links: [LinkProfile]
    /// Collectives of the first 2, 3, ... ranks and of all.
    public var collectives: [CollectiveProfile]

    /// A profile of these measurements.
    public init(
        formatVersion: Int = ClusterProfile.formatVersion, programVersion: String, measured: String,
        ranks: [RankProfile], links: [LinkProfile], collectives: [CollectiveProfile]
    ) {
        self.formatVersion = formatVersion
        self.programVersion = programVersion
        self.measured = measured
        self.ranks = ranks
        self.links = links
        self.collectives = collectives
    }
}

/// What connects two ranks.
public struct LinkProfile: Sendable, Hashable, Codable {
    /// The lower rank.
    public var from: Int
    /// The higher rank.
    public var to: Int
    /// Seconds of the shortest message, one way.
    public var latencySeconds: Double
    /// Bytes per second of long messages.
    public var bytesPerSecond: Double
    /// The larger spread of the two.
    public var spread: Double

    /// A profile of these measurements.
    public init(from: Int, to: Int, latencySeconds: Double, bytesPerSecond: Double, spread: Double = 0) {
        self.from = from
        self.to = to
        self.latencySeconds = latencySeconds
        self.bytesPerSecond = bytesPerSecond
        self.spread = spread
    }
}
