import Blueprint
import Compute
import Testing

@Suite struct MultiplyTests {
    /// Token counts of the direct form, of both sides of its border to panels, and of more than a panel's tokens.
    static let tokenCounts = [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 31, 32, 33, 48, 50, 97]

    @Test(arguments: Encoding.allCases)
    func everyInstructionSetGivesTheReferencesBits(encoding: Encoding) throws {
        let all = everyOperations(threads: [1])
        for columns in oddLengths + [0, 512, 513, 1040] {
            let bench = try Workbench(seed: UInt64(columns))
            let rows = 53
            let w = try bench.matrix(rows, columns, encoding)
            let bias = try bench.vector(rows)
            for tokens in Self.tokenCounts {
                let x = try bench.buffer(tokens, columns)
                let expected = try bench.buffer(tokens, rows)
                reference().multiply(x, tokens: tokens, by: w, bias: bias, into: expected)
                for operations in all {
                    let y = try bench.buffer(tokens, rows, filledWith: .nan)
                    operations.multiply(x, tokens: tokens, by: w, bias: bias, into: y)
                    #expect(y.bits == expected.bits, "\(operations.instructionSet) \(columns) \(tokens)")
                }
            }
        }
    }

    @Test(arguments: Encoding.allCases)
    func theReferenceIsTheProduct(encoding: Encoding) throws {
        for columns in oddLengths {
            let bench = try Workbench(seed: UInt64(columns))
            let w = try bench.matrix(13, columns, encoding)
            let bias = try bench.vector(13)
            let x = try bench.buffer(3, columns)
            let y = try bench.buffer(3, 13)
            reference().multiply(x, tokens: 3, by: w, bias: bias, into: y)
            for t in 0..<3 {
                for r in 0..<13 {
                    let terms = zip(x.row(t), w.floats(row: r)).map { Double($0) * Double($1) }
                    let exact = terms.reduce(Double(bias[r]), +)
                    let size = terms.reduce(abs(Double(bias[r]))) { $0 + abs($1) }
                    let steps = Double(columns / 16 + 8)
                    #expect(abs(Double(y[t, r]) - exact) <= steps * 0x1p-24 * size)
                }
            }
        }
    }
}
