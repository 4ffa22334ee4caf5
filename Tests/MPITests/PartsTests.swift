import MPI
import Testing

@Suite struct PartsTests {
    @Test func partsLieOneBehindTheOther() {
        let parts = Parts(counts: [3, 0, 5, 0])
        #expect(parts.offsets == [0, 3, 3, 8])
        #expect(parts.total == 8)
        #expect((0..<4).map { parts.range(of: $0) } == [0..<3, 3..<3, 3..<8, 8..<8])
    }

    @Test func partsMayBeLongerThanACollectiveCanAddress() {
        let parts = Parts(counts: [Int(Int32.max), 1])
        #expect(parts.total == 1 << 31)
        #expect(parts.offsets == [0, Int(Int32.max)])
    }
}
