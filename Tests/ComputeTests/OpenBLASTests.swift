import Blueprint
import Compute
import Foundation
import Testing

@Suite struct OpenBLASTests {
    /// Inexact operations that give so many tokens to OpenBLAS; `portable` is always among them.
    static func operations(tokens: Int, threads: [Int] = [1, 2, 3]) -> [Operations] {
        everyOperations(threads: threads, isExact: false).filter { $0.usesOpenBLAS(tokens: tokens) }
    }

    @Test func onlyInexactOperationsWithoutWideVectorsUseIt() throws {
        for set in InstructionSet.supported {
            let exact = Operations(pool: Pool(threads: 1), instructionSet: set)
            let free = Operations(pool: Pool(threads: 1), instructionSet: set, isExact: false)
            #expect(exact.isExact && !free.isExact && free.exact.isExact)
            #expect(free.exact.instructionSet == set && free.exact.pool === free.pool)
            for tokens in [0, 1, 63, 64, 512] {
                #expect(!exact.usesOpenBLAS(tokens: tokens) && !free.exact.usesOpenBLAS(tokens: tokens))
            }
            #expect(!free.usesOpenBLAS(tokens: 1), "decoding is the kernels'")
            #expect(free.usesOpenBLAS(tokens: 64) == (set == .portable || set == .neon))
        }
    }

    @Test func theInstructionSetOfTheEnvironmentDecides() throws {
        let name = ProcessInfo.processInfo.environment["LOCKSTEP_ISA"] ?? InstructionSet.supported.last?.rawValue
        let free = Operations(pool: Pool(threads: 1), instructionSet: try .best, isExact: false)
        #expect(free.usesOpenBLAS(tokens: 64) == (name == "portable" || name == "neon"))
    }

    @Test(arguments: Encoding.allPlain)
    func productsAreTheProductInDoublePrecision(encoding: Encoding) throws {
        // Rows and columns on both sides of tiles and of a panel's 256 x 2048.
        let shapes = [(1, 1), (7, 33), (53, 257), (259, 100), (37, 2049), (523, 31)]
        for (rows, columns) in shapes {
            for tokens in [64, 65, 97] {
                let bench = try Workbench(seed: UInt64(rows * columns + tokens))
                let w = try bench.matrix(rows, columns, encoding)
                let bias = try bench.vector(rows)
                let x = try bench.buffer(tokens, columns)
                let weights = (0..<rows).map { w.floats(row: $0) }
                let inputs = (0..<tokens).map { x.row($0) }
                let all = Self.operations(tokens: tokens)
                #expect(!all.isEmpty)
                for operations in all {
                    let y = try bench.buffer(tokens, rows, filledWith: .nan)
                    let biased = try bench.buffer(tokens, rows + 2, filledWith: .nan)
                    operations.multiply(x, tokens: tokens, by: w, into: y)
                    operations.multiply(x, tokens: tokens, by: w, bias: bias, into: biased)
                    let worst = Self.worstError(y, inputs, weights, bias: nil)
                    let worstBiased = Self.worstError(biased, inputs, weights, bias: bias)
                    let comment = "\(operations.instructionSet) \(operations.pool.threads) \(rows) \(columns) \(tokens)"
                    #expect(worst <= 1 && worstBiased <= 1, "\(comment)")
                    #expect((0..<tokens).allSatisfy { biased[$0, rows].isNaN && biased[$0, rows + 1].isNaN })
                }
            }
        }
    }

    /// The largest error, over every third row and each token, as a part of what any order of summing may give.
    static func worstError(_ y: Buffer, _ inputs: [[Float]], _ weights: [[Float]], bias: Vector?) -> Double {
        var worst = 0.0
        for (t, input) in inputs.enumerated() where t % 5 == 0 || t == inputs.count - 1 {
            for (r, row) in weights.enumerated() where r % 3 == 0 || r == weights.count - 1 {
                var exact = bias.map { Double($0[r]) } ?? 0
                var size = abs(exact)
                for (a, b) in zip(input, row) {
                    exact += Double(a) * Double(b)
                    size += abs(Double(a) * Double(b))
                }
                let bound = Double(row.count + 1) * 0x1p-24 * size
                let error = abs(Double(y[t, r]) - exact)
                worst = max(worst, error.isNaN ? .infinity : error / bound)
            }
        }
        return worst
    }

    @Test func productsOfOneInputAreAsProductsAlone() throws {
        let bench = try Workbench()
        let (tokens, columns) = (70, 300)
        let x = try bench.buffer(tokens, columns)
        let matrices = [
            try bench.matrix(70, columns, .bf16), try bench.matrix(0, columns), try bench.matrix(31, columns, .f16),
        ]
        let bias = try bench.vector(31)
        for operations in Self.operations(tokens: tokens) {
            let together = try matrices.map { try bench.buffer(tokens, $0.rows, filledWith: .nan) }
            operations.multiply(
                x, tokens: tokens, Product(matrices[0], into: together[0]), Product(matrices[1], into: together[1]),
                Product(matrices[2], bias: bias, into: together[2]))
            for (index, matrix) in matrices.enumerated() {
                let weights = (0..<matrix.rows).map { matrix.floats(row: $0) }
                let inputs = (0..<tokens).map { x.row($0) }
                #expect(Self.worstError(together[index], inputs, weights, bias: index == 2 ? bias : nil) <= 1)
            }
        }
    }

    @Test func inputsAndOutputsMayStartAnywhereAndPaddingIsNeverCounted() throws {
        let bench = try Workbench()
        let (rows, columns, tokens) = (40, 21, 64)
        for encoding in Encoding.allPlain {
            let w = try bench.matrix(rows, columns, encoding)
            let weights = (0..<rows).map { w.floats(row: $0) }
            unsafe w.withRowBytes(0..<rows) { bytes, stride in
                for row in 0..<rows {
                    for byte in encoding.fileByteCount(rows: 1, columns: 0..<columns)..<stride {
                        unsafe bytes[row * stride + byte] = 0xFF
                    }
                }
            }
            let x = try bench.buffer(1, tokens * columns + 5).view(from: 5, rows: tokens, columns: columns)
            for operations in Self.operations(tokens: tokens) {
                let out = try bench.buffer(1, tokens * rows + 6, filledWith: 9)
                let y = out.view(from: 3, rows: tokens, columns: rows)
                operations.multiply(x, tokens: tokens, by: w, into: y)
                #expect(Self.worstError(y, (0..<tokens).map { x.row($0) }, weights, bias: nil) <= 1)
                #expect([0, 1, 2, 3, 4, 5].allSatisfy { out[0, $0 < 3 ? $0 : tokens * rows + $0] == 9 })
            }
        }
    }

    @Test func nothingIsLegal() throws {
        let bench = try Workbench()
        let bias = try bench.vector(5)
        for operations in Self.operations(tokens: 64) {
            let y = try bench.buffer(64, 5, filledWith: .nan)
            operations.multiply(
                try bench.buffer(64, 0), tokens: 64, by: try bench.matrix(5, 0, .bf16), bias: bias, into: y)
            #expect((0..<64).allSatisfy { t in y.row(t) == (0..<5).map { bias[$0] } })
            operations.multiply(try bench.buffer(64, 0), tokens: 64, by: try bench.matrix(5, 0), into: y)
            #expect(y.elements.allSatisfy { $0 == 0 })
            let untouched = try bench.buffer(64, 5, filledWith: 9)
            operations.multiply(try bench.buffer(64, 8), tokens: 64, by: try bench.matrix(0, 8, .f16), into: untouched)
            operations.multiply(try bench.buffer(64, 8), tokens: 0, by: try bench.matrix(5, 8), into: untouched)
            #expect(untouched.elements.allSatisfy { $0 == 9 })
        }
    }

    @Test(arguments: Encoding.allPlain)
    func exactOperationsGiveTheReferencesBitsForAPromptToo(encoding: Encoding) throws {
        let bench = try Workbench()
        let (rows, columns, tokens) = (45, 333, 512)
        let w = try bench.matrix(rows, columns, encoding)
        let x = try bench.buffer(tokens, columns)
        let expected = try bench.buffer(tokens, rows)
        reference().multiply(x, tokens: tokens, by: w, into: expected)
        let free = everyOperations(threads: [2], isExact: false)
        for operations in everyOperations(threads: [1, 2]) + free.map(\.exact) {
            let y = try bench.buffer(tokens, rows, filledWith: .nan)
            operations.multiply(x, tokens: tokens, by: w, into: y)
            #expect(firstDifference(y.bits, expected.bits) == nil, "\(operations.instructionSet)")
        }
    }
}
