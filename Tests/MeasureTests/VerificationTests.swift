import Measure
import Testing

@Suite struct VerificationTests {
    /// Two tokens; of the second the best two are nearly as good.
    private static let reference = Recording(vocabulary: 3, logits: [0, 5, 1, 4, 3.999, -2])
    private static let turned = Recording(vocabulary: 3, logits: [0, 5, 1, 3.999, 4, -2])

    private static func verification(
        _ found: Recording, tolerance: Double, ranksAgree: Bool = true, isRounded: Bool
    ) -> Verification {
        Verification(
            found, reference: reference, ranksAgree: ranksAgree, tolerance: tolerance, isRounded: isRounded)
    }

    @Test func aBestTokenMayDifferOnlyWhereSomethingIsRounded() {
        let strict = Self.verification(Self.turned, tolerance: 1e-2, isRounded: false)
        #expect(!strict.passes && strict.firstDisagreement == 1)
        let rounded = Self.verification(Self.turned, tolerance: 1e-2, isRounded: true)
        #expect(rounded.passes && !rounded.greedyTokensAgree && rounded.firstDisagreement == 1)
    }

    @Test func roundingExcusesNothingElse() {
        #expect(!Self.verification(Self.turned, tolerance: 1e-5, isRounded: true).passes)
        #expect(!Self.verification(Self.reference, tolerance: 0, ranksAgree: false, isRounded: true).passes)
        #expect(Self.verification(Self.reference, tolerance: 0, isRounded: false).passes)
    }
}
