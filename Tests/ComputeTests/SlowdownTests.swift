import Blueprint
import Compute
import Foundation
import Synchronization
import Testing

@Suite struct SlowdownTests {
    /// A clock that goes on by one with each look, and remembers how many there were.
    private final class Looks: Sendable {
        let count = Atomic<UInt64>(0)

        func look() -> UInt64 { count.add(1, ordering: .relaxed).newValue }
    }

    /// The first look begins, the second sees that the work took one; `factor` looks after the first it is over.
    @Test(arguments: [(1.0, 3), (2.0, 3), (4.0, 5), (2.5, 4), (10.0, 11)])
    func workIsFollowedByBusyTimeUntilItHasTakenTheFactor(factor: Double, looks: UInt64) {
        let clock = Looks()
        #expect(Slowdown(factor: factor, processorTime: clock.look).prolong { 7 } == 7)
        #expect(clock.count.load(ordering: .relaxed) == looks)
    }

    /// Every operation that a forward pass is made of looks at the clock as often as its threads have parts.
    @Test(arguments: [1, 3]) func everyOperationIsProlongedAndGivesTheSameBits(threads: Int) throws {
        let clock = Looks()
        let pool = Pool(threads: threads)
        let plain = Operations(pool: pool, instructionSet: .fastest)
        let slow = Operations(
            pool: pool, instructionSet: .fastest, slowdown: Slowdown(factor: 1, processorTime: clock.look))
        for (index, operation) in Self.operations.enumerated() {
            let before = clock.count.load(ordering: .relaxed)
            #expect(try operation(slow) == (try operation(plain)), "operation \(index)")
            #expect(clock.count.load(ordering: .relaxed) >= before + 3, "operation \(index)")
        }
    }

    @Test func largeWorkIsProlongedOnEveryThread() throws {
        // Who looks at the clock twice has had a part.
        let threads = Mutex<[Int: Int]>([:])
        let slowdown = Slowdown(factor: 1) {
            threads.withLock { $0[Int(bitPattern: pthread_self()), default: 0] += 1 }
            return 0
        }
        let arena = try Arena(byteCount: 1 << 20)
        let x = try arena.buffer(rows: 64, columns: 1024)
        Operations(pool: Pool(threads: 3), instructionSet: .fastest, slowdown: slowdown).add(x, to: x, tokens: 64)
        #expect(threads.withLock { $0.values.sorted() } == [3, 3, 3])
    }

    /// Each gives what it has computed.
    private static let operations: [@Sendable (Operations) throws -> [Float]] = [
        { operations in
            let (x, matrix, y) = try inputs()
            operations.multiply(x, tokens: 2, by: matrix, into: y)
            return elements(y)
        },
        { operations in
            let (x, _, y) = try inputs()
            operations.add(x, to: y.view(rows: 2, columns: 8), tokens: 2)
            return elements(y)
        },
        { operations in
            let (x, _, y) = try inputs()
            operations.copy(x, tokens: 2, columns: 8, into: y, column: 3)
            return elements(y)
        },
        { operations in
            let (_, matrix, y) = try inputs()
            let tokens: [Int32] = [3, 1]
            operations.embed(tokens.span, table: matrix, firstRow: 0, into: y.view(rows: 2, columns: 8))
            return elements(y)
        },
        { operations in [operations.maximum(of: try inputs().x, row: 1)] },
        { operations in [Float(operations.sumOfExponentials(of: try inputs().x, row: 1, maximum: 9))] },
        { operations in
            var best = [Candidate](repeating: Candidate(logit: 0, id: 0), count: 3)
            var span = best.mutableSpan
            _ = operations.topCandidates(of: try inputs().x, row: 1, firstIdentifier: 5, into: &span)
            return best.map { $0.logit + Float($0.id) }
        },
    ]

    private static func inputs() throws -> (x: Buffer, matrix: Matrix, y: Buffer) {
        let arena = try Arena(byteCount: 1 << 16)
        let x = try arena.buffer(rows: 2, columns: 8)
        let matrix = try arena.matrix(rows: 5, columns: 8, encoding: .f32)
        for row in 0..<5 { matrix.set(row: row, floats: (0..<8).map { Float(row * $0 + 1) }) }
        for row in 0..<2 {
            for column in 0..<8 { x[row, column] = Float(row + column * 3 % 7) }
        }
        return (x, matrix, try arena.buffer(rows: 2, columns: 12))
    }

    private static func elements(_ buffer: Buffer) -> [Float] {
        (0..<buffer.rows).flatMap { row in (0..<buffer.columns).map { buffer[row, $0] } }
    }
}
