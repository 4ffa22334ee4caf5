/// What ranks exchange.
public struct Traffic: Sendable, Hashable {
    /// Collective operations.
    public var collectives: Int
    /// Bytes of the complete vectors that they sum, gather or broadcast, counted once each.
    public var byteCount: Int

    /// Traffic of so many operations and bytes.
    public init(collectives: Int, byteCount: Int) {
        self.collectives = collectives
        self.byteCount = byteCount
    }

    /// Nothing.
    public static let none = Traffic(collectives: 0, byteCount: 0)

    /// Both, one after the other.
    public static func + (first: Traffic, second: Traffic) -> Traffic {
        Traffic(
            collectives: first.collectives + second.collectives, byteCount: first.byteCount + second.byteCount)
    }
}
