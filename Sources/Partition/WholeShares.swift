/// Shares as whole numbers in the same ratios, so that times are compared exactly.
///
/// 5:3:2, 50:30:20 and 0.5:0.3:0.2 give the same numbers, and so do thirds that a `Double` cannot hold.
struct WholeShares: Hashable {
    /// One number from 1 to 2^60 per rank.
    let values: [Int128]
    /// Their sum.
    let sum: Int128

    private static let largest = 1 << 60

    /// - Parameter shares: finite numbers above zero.
    init(_ shares: [Double]) {
        precondition(shares.allSatisfy { $0.isFinite && $0 > 0 }, "a share is a finite number above zero")
        let ratios = shares.map { max($0 / (shares.max() ?? 1), 1 / Double(Self.largest)) }
        let fractions = ratios.map(Self.fraction)
        var common: Int? = 1
        for fraction in fractions {
            common = common.flatMap { Self.leastCommonMultiple($0, fraction.denominator) }
        }
        if let common {
            values = fractions.map { Int128($0.numerator * (common / $0.denominator)) }
        } else {
            // Ratios without a small common denominator are measurements: one part in 2^60 is exact enough.
            values = ratios.map { Int128(($0 * Double(Self.largest)).rounded()) }
        }
        sum = values.reduce(0, +)
    }

    /// Whether `units` take `rank` longer than `otherUnits` take `other`.
    func isSlower(_ units: Int, _ rank: Int, than otherUnits: Int, _ other: Int) -> Bool {
        Int128(units) * values[other] > Int128(otherUnits) * values[rank]
    }

    /// Whether the rank that finishes last with `counts` does so later than the one with `others`.
    func isSlower(_ counts: [Int], than others: [Int]) -> Bool {
        guard let last = slowest(counts), let otherLast = slowest(others) else { return false }
        return isSlower(counts[last], last, than: others[otherLast], otherLast)
    }

    /// The rank that finishes last, the earliest of several; nil where there are no ranks.
    func slowest(_ counts: [Int]) -> Int? {
        counts.indices.reduce(nil) { last, rank in
            guard let last else { return rank }
            return isSlower(counts[rank], rank, than: counts[last], last) ? rank : last
        }
    }

    /// The first convergent of the continued fraction of `ratio` that the rounding of a division cannot tell from it.
    private static func fraction(_ ratio: Double) -> (numerator: Int, denominator: Int) {
        // ratio = dividend / divisor, exactly.
        var dividend = Int128((ratio.significand * 0x1p52).rounded())
        var divisor = Int128(1) << Int128(52 - ratio.exponent)
        var (earlier, current) = ((numerator: 0, denominator: 1), (numerator: 1, denominator: 0))
        while divisor != 0 {
            let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
            let next = (
                numerator: Int(quotient) * current.numerator + earlier.numerator,
                denominator: Int(quotient) * current.denominator + earlier.denominator
            )
            (earlier, current) = (current, next)
            let error = Double(next.numerator) / Double(next.denominator) - ratio
            if error.magnitude <= ratio * 0x1p-50 { break }
            (dividend, divisor) = (divisor, remainder)
        }
        return current
    }

    private static func leastCommonMultiple(_ first: Int, _ second: Int) -> Int? {
        var (divisor, remainder) = (first, second)
        while remainder != 0 { (divisor, remainder) = (remainder, divisor % remainder) }
        let (product, overflows) = (first / divisor).multipliedReportingOverflow(by: second)
        return overflows || product > largest ? nil : product
    }
}
