import Compute
import Testing

@Suite struct LogitsTests {
    /// Logits with many equal values, and the ids that a plain sort gives.
    private func logits(_ bench: Workbench, _ count: Int) throws -> Buffer {
        let buffer = try bench.buffer(2, count)
        for index in 0..<count { buffer[1, index] = (bench.number() * 20).rounded() / 2 }
        return buffer
    }

    private func best(_ operations: Operations, _ row: Buffer, first: Int, limit: Int) -> [Candidate] {
        var found = [Candidate](repeating: Candidate(logit: 0, id: -1), count: limit)
        var span = found.mutableSpan
        let count = operations.topCandidates(of: row, row: 1, firstIdentifier: first, into: &span)
        return Array(found.prefix(count))
    }

    @Test func candidatesAreSortedByLogitThenId() throws {
        for count in oddLengths + [5000] {
            let bench = try Workbench(seed: UInt64(count))
            let logits = try logits(bench, count)
            let sorted = (0..<count).sorted { (logits[1, $1], $0) < (logits[1, $0], $1) }
                .map { Candidate(logit: logits[1, $0], id: Int32($0 + 1000)) }
            for operations in everyOperations(threads: [1]) {
                for limit in [0, 1, 2, 16, 40, 300] {
                    #expect(best(operations, logits, first: 1000, limit: limit) == Array(sorted.prefix(limit)))
                }
            }
        }
    }

    @Test func candidatesOfTheWholeAreTheBestOfTheParts() throws {
        let bench = try Workbench(seed: 9)
        let whole = try logits(bench, 1021)
        let operations = Operations(pool: Pool(threads: 1), instructionSet: try .best)
        let parts = [0..<500, 500..<500, 500..<803, 803..<1021].flatMap { range -> [Candidate] in
            let part = whole.view(from: 1021 + range.lowerBound, rows: 1, columns: range.count)
            var found = [Candidate](repeating: Candidate(logit: 0, id: -1), count: 20)
            var span = found.mutableSpan
            let count = operations.topCandidates(
                of: part, row: 0, firstIdentifier: range.lowerBound, into: &span)
            return Array(found.prefix(count))
        }
        let merged = parts.sorted { ($1.logit, $0.id) < ($0.logit, $1.id) }
        #expect(Array(merged.prefix(20)) == best(operations, whole, first: 0, limit: 20))
    }

    @Test func notANumberIsNeverACandidate() throws {
        for operations in everyOperations(threads: [1]) {
            let logits = try Workbench().buffer(2, 50, filledWith: .nan)
            logits[1, 33] = -3
            logits[1, 44] = -.infinity
            #expect(operations.maximum(of: logits, row: 1) == -3)
            let found = best(operations, logits, first: 0, limit: 5)
            #expect(found == [Candidate(logit: -3, id: 33), Candidate(logit: -.infinity, id: 44)])
        }
    }

    @Test func theMaximumIsTheGreatest() throws {
        for count in oddLengths {
            let bench = try Workbench(seed: UInt64(count))
            let logits = try bench.buffer(2, count)
            for operations in everyOperations(threads: [1]) {
                #expect(operations.maximum(of: logits, row: 1) == logits.row(1).max())
            }
        }
    }

    @Test func sumsOfExponentialsDoNotDependOnTheSplit() throws {
        let bench = try Workbench(seed: 2)
        let logits = try bench.buffer(1, 10_007, scale: 15)
        let greatest = logits.row(0).max() ?? 0
        let exact = logits.row(0).reduce(0.0) { $0 + exponential(Double($1) - Double(greatest)) }
        var sums: Set<UInt64> = []
        for operations in everyOperations(threads: [1]) {
            for cuts in [[0, 10_007], [0, 5000, 5000, 10_007], [0, 3, 700, 701, 10_007]] {
                sums.insert(
                    zip(cuts, cuts.dropFirst()).reduce(0) { sum, cut in
                        let part = logits.view(from: cut.0, rows: 1, columns: cut.1 - cut.0)
                        return sum + operations.sumOfExponentials(of: part, row: 0, maximum: greatest)
                    })
            }
        }
        #expect(sums.count == 1)
        #expect(abs(Double(sums.first ?? 0) / 0x1p40 - exact) <= 1e-6 * exact)
    }

    @Test func impossibleTokensAddNothing() throws {
        let logits = try Workbench().buffer(1, 40, filledWith: -.infinity)
        logits[0, 20] = 5
        for operations in everyOperations(threads: [1]) {
            #expect(operations.sumOfExponentials(of: logits, row: 0, maximum: 5) == 1 << 40)
        }
    }
}
