/// What a collective of the first so many ranks costs: `latency + bytes / bandwidth`, fitted to measurements.
public struct CollectiveProfile: Sendable, Hashable, Codable {
    /// A collective operation.
    public enum Operation: String, Sendable, Hashable, Codable, CaseIterable {
        /// `MPI_Allreduce`; bytes of the vector.
        case allReduce
        /// `MPI_Allgatherv` of uneven parts; bytes of the whole.
        case allGather
        /// `MPI_Reduce_scatter` of uneven parts; bytes of the whole.
        case reduceScatter
        /// `MPI_Bcast`; bytes of the vector.
        case broadcast
    }

    /// A measurement.
    public struct Point: Sendable, Hashable, Codable {
        /// Bytes.
        public var byteCount: Int
        /// Seconds, the median.
        public var seconds: Double

        /// A measurement.
        public init(byteCount: Int, seconds: Double) {
            self.byteCount = byteCount
            self.seconds = seconds
        }
    }

    /// What was measured.
    public var operation: Operation
    /// Ranks that took part: the first so many.
    public var rankCount: Int
    /// Seconds that do not depend on the bytes.
    public var latencySeconds: Double
    /// Bytes per second.
    public var bytesPerSecond: Double
    /// The largest distance of a measurement from the fitted line, as a part of the measurement.
    public var fitError: Double
    /// The largest spread of a measurement.
    public var spread: Double
    /// What the line is fitted to, in ascending order of bytes.
    public var points: [Point]
    /// The same if no rank shared a core with another: computed, not measured, from what pairs of ranks exchange that
    /// do not, by the rounds of the fastest algorithm. Absent where no ranks of the job share cores.
    public var computedPoints: [Point]?

    /// A line and what it is fitted to.
    public init(
        operation: Operation, rankCount: Int, latencySeconds: Double, bytesPerSecond: Double, fitError: Double,
        spread: Double = 0, points: [Point], computedPoints: [Point]? = nil
    ) {
        self.operation = operation
        self.rankCount = rankCount
        self.latencySeconds = latencySeconds
        self.bytesPerSecond = bytesPerSecond
        self.fitError = fitError
        self.spread = spread
        self.points = points
        self.computedPoints = computedPoints
    }
}
