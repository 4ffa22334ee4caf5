import Foundation

/// The few functions of real numbers that sampling and scoring need.
enum Logarithm {
    /// The natural logarithm of a positive number, from additions, multiplications and divisions only.
    ///
    /// The noise of a token is computed by the rank that holds it: libraries of unlike machines may differ in the last
    /// bit, these operations do not. `log m = 2 atanh((m - 1) / (m + 1))`, at most a few units in the last place off.
    static func natural(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return log(value) }
        var (mantissa, exponent) = (value.significand, Double(value.exponent))
        if mantissa > 1.4142135623730951 {
            mantissa /= 2
            exponent += 1
        }
        let ratio = (mantissa - 1) / (mantissa + 1)
        let square = ratio * ratio
        // The odd reciprocals up to 1/23; the square is at most 0.0295.
        var series = 0.0
        for odd in stride(from: 23.0, through: 1.0, by: -2.0) { series = series * square + 1 / odd }
        return exponent * 0.6931471805599453 + 2 * ratio * series
    }

    static func exponential(_ value: Double) -> Double { exp(value) }

    /// `log(sum(exp(values)))`.
    static func ofSumOfExponentials(_ values: [Double]) -> Double {
        guard let largest = values.max() else { return -.infinity }
        return largest + natural(values.reduce(0) { $0 + exp($1 - largest) })
    }
}
