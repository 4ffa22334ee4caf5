/// What a communicator's collectives have carried so far.
///
/// The payload of a collective is the byte size of its complete result vector (for `reduceScatter`, of the vector that
/// every rank puts in), whatever the algorithm sends over the wires; so the figures are the same on every rank, and a
/// plan can predict them.
public struct Traffic: Sendable, Equatable {
    /// The number of collectives.
    public var collectives: Int

    /// The sum of their payloads in bytes.
    public var byteCount: Int

    /// No traffic, or the given one.
    public init(collectives: Int = 0, byteCount: Int = 0) {
        self.collectives = collectives
        self.byteCount = byteCount
    }
}
