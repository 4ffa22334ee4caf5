/// What opening a session took.
public struct Loading: Sendable {
    /// Seconds from the first byte to the last.
    public internal(set) var seconds = 0.0
    /// Bytes that each rank read from the weights file.
    public internal(set) var byteCounts: [Int]  // [ranks]

    /// Bytes read by all ranks.
    public var byteCountOfAll: Int { byteCounts.reduce(0, +) }

    /// Bytes that all ranks together read in a second.
    public var bytesPerSecond: Double { seconds > 0 ? Double(byteCountOfAll) / seconds : 0 }
}
