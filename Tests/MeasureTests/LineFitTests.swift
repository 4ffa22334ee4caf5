import Partition
import Testing

@Suite struct LineFitTests {
    @Test func pointsOnALineGiveTheLine() {
        let line = LineFit([4096.0, 65_536, 1_048_576, 4_194_304].map { (size: $0, seconds: 3e-6 + $0 / 2e9) })
        #expect(abs(line.intercept - 3e-6) < 1e-12)
        #expect(abs(1 / line.slope - 2e9) < 1)
        #expect(line.error < 1e-9)
    }

    @Test func smallMeasurementsCountAsMuchAsLargeOnes() {
        // Off by a tenth, up and down in turn, over three decades.
        let points = (0..<12).map { index in
            let size = 4096.0 * Double(1 << index)
            return (size: size, seconds: (1e-5 + size / 1e9) * (index.isMultiple(of: 2) ? 1.1 : 0.9))
        }
        let line = LineFit(points)
        #expect(abs(line.intercept / 1e-5 - 1) < 0.15)
        #expect(abs(line.slope * 1e9 - 1) < 0.15)
        #expect(line.error > 0.05 && line.error < 0.25)
    }

    @Test func theErrorIsTheLargestRelativeDistance() {
        // Two points of the same size and 1 and 3 seconds: 1.2 is 20 % over one and 60 % below the other.
        let line = LineFit([(size: 1, seconds: 1), (size: 1, seconds: 3)])
        #expect(abs(line.slope - 1.2) < 1e-9 && line.intercept == 0)
        #expect(abs(line.error - 0.6) < 1e-9)
    }

    @Test func whatWouldBeNegativeIsNothing() {
        // Twice the bytes in four times the time.
        let steep = LineFit([(size: 1e6, seconds: 1e-3), (size: 2e6, seconds: 4e-3)])
        #expect(steep.intercept == 0 && steep.slope > 0)
        let falling = LineFit([(size: 1e3, seconds: 2e-6), (size: 1e6, seconds: 1e-6)])
        #expect(falling.slope > 0 && falling.slope.isFinite && falling.intercept > 0)
        #expect(falling.error > 0 && falling.error.isFinite)
    }
}
