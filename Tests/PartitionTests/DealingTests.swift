import Partition
import Testing

@Suite struct DealingTests {
    @Test(
        arguments: [
            (82, [1, 1, 1], [28, 27, 27]),
            (82, [1.0, 1.0, 1.2], [26, 26, 30]),
            (8, [75, 25], [6, 2]),
            (8, [128, 48], [6, 2]),
            (2, [1, 1, 1], [1, 1, 0]),
            (7, [5, 3, 2], [4, 2, 1]),
            (64, [1, 1, 1], [22, 21, 21]),
            (28, [1, 1, 1], [10, 9, 9]),
            (32, [1, 1, 1], [11, 11, 10]),
            (0, [1, 2], [0, 0]),
        ] as [(Int, [Double], [Int])])
    func workedExamplesAreDealtAsWritten(units: Int, shares: [Double], counts: [Int]) {
        #expect(Dealing.deal(units, shares: shares) == counts)
    }
}
