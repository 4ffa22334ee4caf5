extension CollectiveProfile {
    /// The line through points.
    package init(_ operation: Operation, rankCount: Int, spread: Double = 0, _ points: [Point]) {
        let line = LineFit(points.map { (Double($0.byteCount), $0.seconds) })
        self.init(
            operation: operation, rankCount: rankCount, latencySeconds: line.intercept, bytesPerSecond: 1 / line.slope,
            fitError: line.error, spread: spread, points: points)
    }
}
