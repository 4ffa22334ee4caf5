import Partition
import Testing

@Suite struct MeetingTests {
    private func seconds(_ means: [Double], _ variations: [Double]) -> Double {
        Meeting.expectedSeconds(means: means, variations: variations)
    }

    @Test func withoutVariationTheSlowestCounts() {
        #expect(seconds([3, 5, 4], [0, 0, 0]) == 5)
        #expect(seconds([5], [0.5]) == 5)
        #expect(seconds([0, 0], [0.5, 0.5]) == 0)
    }

    /// The expected largest of so many standard normal numbers: Teichroew, Tables of expected values of order
    /// statistics, 1956.
    @Test(arguments: [(2, 0.5642), (3, 0.8463), (4, 1.0294)])
    func ofEqualRanksTheLastIsLateAsOfNormalDistributions(ranks: Int, deviations: Double) {
        let late = seconds([Double](repeating: 10, count: ranks), [Double](repeating: 0.1, count: ranks)) - 10
        #expect(abs(late / deviations - 1) < 0.03, "\(late)")
    }

    @Test func whoeverIsMuchSlowerIsAlwaysTheLast() {
        #expect(abs(seconds([10, 5], [0.1, 0.1]) - 10) < 1e-12)
        #expect(abs(seconds([5, 10, 2], [0.1, 0.2, 0.1]) - 10) < 1e-12)
    }

    @Test func theOrderOfRanksDoesNotMatter() {
        let (means, variations) = ([10, 9.5, 11, 10.5], [0.1, 0.2, 0.05, 0.15])
        let expected = seconds(means, variations)
        #expect(expected > 11 && expected < 13)
        for turn in 1..<4 {
            func turned(_ list: [Double]) -> [Double] { Array(list[turn...] + list[..<turn]) }
            #expect(abs(seconds(turned(means), turned(variations)) - expected) < 1e-12)
        }
        // Of all ways in which the five times of each may meet.
        var sum = 0.0
        let steps = [-2.0, -1, 0, 1, 2].map { $0 / 2.0.squareRoot() }
        for way in 0..<625 {
            let places = [way % 5, way / 5 % 5, way / 25 % 5, way / 125]
            sum += (0..<4).map { means[$0] * (1 + variations[$0] * steps[places[$0]]) }.max() ?? 0
        }
        #expect(abs(sum / 625 - expected) < 1e-12)
    }

    @Test func moreVariationTakesLonger() {
        var last = 0.0
        for step in 0...10 {
            let now = seconds([10, 9], [Double(step) / 50, 0.1])
            #expect(now >= last - 1e-12)
            last = now
        }
    }
}
