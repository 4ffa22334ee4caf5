import Testing

import Measure

@Suite struct TermFitTests {
    @Test func sumsOfTermsGiveTheirFactors() {
        let factors = [2e-11, 3e-10, 0, 5e-9]
        let amounts = [[1e9, 8e6, 5e5, 5e5], [2.5e8, 8e6, 1e5, 1e5], [1e8, 1e6, 5e5, 6e4], [3e7, 5e5, 8e3, 1e5]]
        let fit = TermFit(
            amounts.map { amounts in (amounts, zip(amounts, factors).reduce(0) { $0 + $1.0 * $1.1 }) })
        for (found, expected) in zip(fit.factors, factors) {
            #expect(abs(found - expected) < 1e-4 * (expected + 1e-12), "\(fit.factors)")
        }
        #expect(fit.error < 1e-6)
    }

    @Test func whatWouldBeNegativeIsNothing() {
        // A second thing makes it faster: it counts as nothing, and both measurements are missed alike.
        let fit = TermFit([([1, 0], 3), ([1, 1], 1)])
        #expect(fit.factors[1] == 0)
        // 1.2 is 60 % below one and 20 % over the other.
        #expect(abs(fit.factors[0] - 1.2) < 1e-9 && abs(fit.error - 0.6) < 1e-9)
    }
}
