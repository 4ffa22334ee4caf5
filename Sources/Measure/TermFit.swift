/// Factors of `seconds = factors[0] * amounts[0] + factors[1] * amounts[1] + ...` through measurements, none below
/// what is possible, by least squares of the relative distances: a measurement of a microsecond counts as much as one
/// of a second.
package struct TermFit: Sendable, Hashable {
    /// Seconds for each unit of an amount.
    package var factors: [Double]
    /// The largest distance of a measurement from the sum, as a part of the measurement.
    package var error: Double

    private static let mostRounds = 100_000
    private static let leastChange = 1e-12

    /// The factors of at least one measurement; seconds are positive, and every amount is above zero somewhere.
    ///
    /// - Parameter least: the least that each factor may be.
    package init(_ points: [(amounts: [Double], seconds: Double)], least: [Double]) {
        precondition(points.allSatisfy { $0.seconds > 0 }, "Seconds are positive.")
        let count = least.count
        // Distances in units of the seconds: the sum of all terms, each a part of the seconds, shall be 1.
        let norms = (0..<count).map { term in
            points.reduce(0) { $0 + $1.amounts[term] * $1.amounts[term] / ($1.seconds * $1.seconds) }.squareRoot()
        }
        precondition(norms.allSatisfy { $0 > 0 }, "Every amount is above zero somewhere.")
        let parts = points.map { point in zip(point.amounts, norms).map { $0 / $1 / point.seconds } }
        let scaled = Self.solve(parts, least: zip(least, norms).map { $0 * $1 })
        factors = zip(scaled, norms).map { $0 / $1 }
        error = parts.reduce(0) { max($0, abs(zip($1, scaled).reduce(-1) { $0 + $1.0 * $1.1 })) }
    }

    /// One factor after the other takes its best value, until none changes: the squares have no other valley.
    private static func solve(_ parts: [[Double]], least: [Double]) -> [Double] {
        var factors = least
        var missing = parts.map { 1 - zip($0, least).reduce(0) { $0 + $1.0 * $1.1 } }
        for _ in 0..<mostRounds {
            var largest = 0.0
            for term in factors.indices {
                let wanted = zip(parts, missing).reduce(0) { $0 + $1.0[term] * $1.1 }
                let change = max(least[term] - factors[term], wanted)
                factors[term] += change
                for index in missing.indices { missing[index] -= change * parts[index][term] }
                largest = max(largest, abs(change))
            }
            if largest < leastChange { break }
        }
        return factors
    }
}
