/// What was measured again and again over the time of a probe, a figure for each window of time.
package struct Windows: Sendable {
    private var figures: [String: [Double]] = [:]

    /// No windows yet.
    package init() {}

    /// Adds a window's figure, a positive one, to those of the same measurement.
    package mutating func add(_ figure: Double, to measurement: String) {
        figures[measurement, default: []].append(figure)
    }

    /// Whether there is a window of a measurement.
    package func has(_ measurement: String) -> Bool { figures[measurement] != nil }

    /// The median of a measurement's windows, of which there is one: neither moments in which the machine was slow nor
    /// those in which it was faster than it stays count.
    package func median(_ measurement: String) -> Double { BenchmarkReport.Spread(all(measurement)).median }

    /// The median of what windows of a measurement have beyond the windows of another at the same place in their order,
    /// of which there are as many.
    package func medianDifference(_ measurement: String, _ other: String) -> Double {
        BenchmarkReport.Spread(zip(all(measurement), all(other)).map { $0 - $1 }).median
    }

    /// The distance from the median that half of the windows keep within, as a part of the median.
    package func spread(_ measurement: String) -> Double { Self.spread(of: all(measurement)) }

    /// The distance from the median that half of some figures, at least one, keep within, as a part of the median.
    static func spread(of figures: [Double]) -> Double {
        let median = BenchmarkReport.Spread(figures).median
        return BenchmarkReport.Spread(figures.map { abs($0 - median) }).median / median
    }

    /// The measurement whose windows differ most, and their spread; nil without any.
    package var widest: (measurement: String, spread: Double)? {
        figures.keys.sorted().map { ($0, spread($0)) }.max { $0.1 < $1.1 }
    }

    private func all(_ measurement: String) -> [Double] {
        guard let windows = figures[measurement] else { preconditionFailure("'\(measurement)' was not measured.") }
        return windows
    }
}
