/// A line `seconds = intercept + slope * size` through measurements, by least squares of the relative distances: a
/// measurement of a microsecond counts as much as one of a second.
package struct LineFit: Sendable, Hashable {
    /// Seconds that do not depend on the size; not negative.
    package var intercept: Double
    /// Seconds for each unit of size; positive.
    package var slope: Double
    /// The largest distance of a measurement from the line, as a part of the measurement.
    package var error: Double

    // Nothing moves ten terabytes in a second: where times do not grow with the size, this is as good as nothing.
    private static let leastSlope = 1e-13

    /// The line through at least one point; sizes and seconds are positive.
    package init(_ points: [(size: Double, seconds: Double)]) {
        precondition(points.allSatisfy { $0.size > 0 && $0.seconds > 0 }, "Sizes and seconds are positive.")
        precondition(!points.isEmpty, "There is a point.")
        // Distances in units of the seconds: intercept * (1 / t) + slope * (x / t) shall be 1.
        var (ones, both, sizes, targets, sizedTargets) = (0.0, 0.0, 0.0, 0.0, 0.0)
        for (size, seconds) in points {
            ones += 1 / (seconds * seconds)
            both += size / (seconds * seconds)
            sizes += size * size / (seconds * seconds)
            targets += 1 / seconds
            sizedTargets += size / seconds
        }
        let determinant = ones * sizes - both * both
        let isLine = determinant > 1e-12 * ones * sizes
        intercept = isLine ? (targets * sizes - sizedTargets * both) / determinant : 0
        slope = isLine ? (sizedTargets * ones - targets * both) / determinant : sizedTargets / sizes
        if intercept < 0 {
            intercept = 0
            slope = sizedTargets / sizes
        } else if slope < Self.leastSlope {
            slope = Self.leastSlope
            intercept = max(0, (targets - slope * both) / ones)
        }
        error = 0
        for (size, seconds) in points { error = max(error, abs(intercept + slope * size - seconds) / seconds) }
    }
}
