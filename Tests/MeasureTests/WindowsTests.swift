import Testing

import Measure

@Suite struct WindowsTests {
    private let windows: Windows = {
        var windows = Windows()
        for figure in [4.0, 5, 20, 4.5, 5.5] { windows.add(figure, to: "slow once") }
        for figure in [2.0, 2.5, 1] { windows.add(figure, to: "steady") }
        return windows
    }()

    @Test func aSlowMomentDoesNotCount() {
        #expect(windows.median("slow once") == 5)
        #expect(windows.median("steady") == 2)
    }

    @Test func halfOfTheWindowsLieWithinTheSpread() {
        // Distances of 0, 0.5, 0.5, 1 and 15 from 5, and of 0, 0.5 and 1 from 2.
        #expect(windows.spread("slow once") == 0.1)
        #expect(windows.spread("steady") == 0.25)
        #expect(windows.widest?.measurement == "steady" && windows.widest?.spread == 0.25)
    }

    @Test func measurementsAreComparedWindowByWindow() {
        var windows = Windows()
        for (cold, alone) in [(3.0, 2.0), (9, 8.5), (4, 4.25)] {
            windows.add(cold, to: "cold")
            windows.add(alone, to: "alone")
        }
        // Of 1, 0.5 and -0.25; the medians, 4 and 4.25, are 0.25 apart the other way.
        #expect(windows.medianDifference("cold", "alone") == 0.5)
        #expect(windows.medianDifference("alone", "cold") == -0.5)
    }

    @Test func whatWasNotMeasuredHasNoWindow() {
        #expect(windows.has("steady") && !windows.has("other"))
        #expect(Windows().widest == nil)
    }
}
