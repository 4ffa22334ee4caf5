/// When ranks that meet have all come.
package enum Meeting {
    /// The expected seconds of the last rank.
    ///
    /// Each rank's time is taken to have one of five values, equally likely and equally far apart, with its mean and
    /// standard deviation, whatever the others': the sum is exact and the same on every machine. The last of two to
    /// four alike then comes as many deviations after the mean as of normal distributions, within 2 %; of eight 10 %
    /// fewer, and of any number less than the square root of 2.
    ///
    /// - Parameters:
    ///   - means: of each rank, in seconds.
    ///   - variations: the standard deviation of each as a part of its mean.
    package static func expectedSeconds(means: [Double], variations: [Double]) -> Double {
        let longest = means.max() ?? 0
        guard means.count > 1, variations.contains(where: { $0 > 0 }) else { return longest }
        let values = means.indices.flatMap { rank in
            Self.steps.map { (seconds: means[rank] * (1 + $0 * variations[rank]), rank: rank) }
        }.sorted { ($0.seconds, $0.rank) < ($1.seconds, $1.rank) }
        // Of each rank, the values so far: the product of these parts of all is the chance that everyone has come.
        var counts = [Int](repeating: 0, count: means.count)
        var (expected, chance) = (0.0, 0.0)
        for value in values {
            counts[value.rank] += 1
            let next = counts.reduce(1) { $0 * Double($1) / Double(Self.steps.count) }
            expected += (next - chance) * value.seconds
            chance = next
        }
        return max(longest, expected)
    }

    // Deviations from the mean: five whole steps have a variance of 2.
    private static let steps = [-2.0, -1, 0, 1, 2].map { $0 / 2.0.squareRoot() }
}
