import Testing

import Measure

@Suite struct TermFitTests {
    @Test func sumsOfTermsGiveTheirFactors() {
        let factors = [2e-11, 3e-10, 0, 5e-9]
        let amounts = [[1e9, 8e6, 5e5, 5e5], [2.5e8, 8e6, 1e5, 1e5], [1e8, 1e6, 5e5, 6e4], [3e7, 5e5, 8e3, 1e5]]
        let fit = TermFit(
            amounts.map { amounts in (amounts, zip(amounts, factors).reduce(0) { $0 + $1.0 * $1.1 }) },
            least: [0, 0, 0, 0])
        for (found, expected) in zip(fit.factors, factors) {
            #expect(abs(found - expected) < 1e-4 * (expected + 1e-12), "\(fit.factors)")
        }
        #expect(fit.error < 1e-6)
    }

    @Test func noFactorIsLessThanPossible() {
        // Measured as if only the second amount counted; of the first half a second at least.
        let points: [(amounts: [Double], seconds: Double)] = [([1, 1], 2), ([1, 2], 4), ([1, 3], 6)]
        #expect(TermFit(points, least: [0, 0]).factors[0] < 1e-6)
        let fit = TermFit(points, least: [0.5, 0])
        #expect(fit.factors[0] == 0.5 && fit.factors[1] > 1.5 && fit.factors[1] < 2)
    }

    @Test func whatWouldBeNegativeIsNothing() {
        // A second thing makes it faster: it counts as nothing, and both measurements are missed alike.
        let fit = TermFit([([1, 0], 3), ([1, 1], 1)], least: [0, 0])
        #expect(fit.factors[1] == 0)
        // 1.2 is 60 % below one and 20 % over the other.
        #expect(abs(fit.factors[0] - 1.2) < 1e-9 && abs(fit.error - 0.6) < 1e-9)
    }
}
