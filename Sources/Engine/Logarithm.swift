import Foundation

/// The few functions of real numbers that sampling and scoring need.
enum Logarithm {
    static func natural(_ value: Double) -> Double { log(value) }

    static func exponential(_ value: Double) -> Double { exp(value) }

    /// `log(sum(exp(values)))`.
    static func ofSumOfExponentials(_ values: [Double]) -> Double {
        guard let largest = values.max() else { return -.infinity }
        return largest + log(values.reduce(0) { $0 + exp($1 - largest) })
    }
}
