import Launching
import Testing

/// What counts of ranks that compute more and less by turns: their means, or every step.
@Suite(.serialized, .enabled(if: Launch.isPossible, "\(Launch.reasonToSkip)"))
struct MeetingsTests {
    @Test(arguments: 1...5)
    func theSlowestRankCountsByItsMeanOverLikeStepsButWhereStepsDiffer(ranks: Int) throws {
        let launch = try Launch.mpirun(ranks: ranks, "EngineProbe", ["meetings"], limit: 60)
        try #require(launch.status == 0, "\(launch.errors)")
        let areSeveral = ranks > 1
        // Until the first settling two steps of one point, 3 and 1 by turns; then one, and one of two points.
        let later = 3 + (areSeveral ? 3 : 1) + (ranks - 1)
        let waited = areSeveral ? 4 : 0
        let expected = [(false, 4 + later), (true, (areSeveral ? 6 : 4) + later)]
            .flatMap { differ, longest in Array(repeating: "\(differ) \(longest) \(waited)", count: ranks) }
        #expect(launch.output.split(separator: "\n").map(String.init) == expected)
    }
}
