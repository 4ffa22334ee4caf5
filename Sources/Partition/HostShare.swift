/// The part of the work of each rank on a host.
public struct HostShare: Sendable, Hashable {
    /// The host's name.
    public var host: String
    /// A finite number above zero; only ratios count.
    public var share: Double

    /// A host and its share.
    public init(host: String, share: Double) {
        self.host = host
        self.share = share
    }
}
