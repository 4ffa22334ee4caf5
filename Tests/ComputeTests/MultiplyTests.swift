import Blueprint
import Compute
import Testing

@Suite struct MultiplyTests {
    /// Token counts of the direct form, of both sides of its border to panels, and of more than a panel's tokens.
    static let tokenCounts = [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 31, 32, 33, 48, 50, 97]

    @Test(arguments: Encoding.allPlain)
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
                    #expect(
                        firstDifference(y.bits, expected.bits) == nil,
                        "\(operations.instructionSet) \(columns) \(tokens)")
                }
            }
        }
    }

    /// Larger than what caches are taken to hold, with inputs on both sides of what the first one is; and rows of a
    /// power of two, some of whose distances would meet in the same banks of memory.
    @Test(arguments: Encoding.allPlain)
    func aLargeMatrixHasTheReferencesBitsToo(encoding: Encoding) throws {
        for (rows, columns) in [(700, 1003), (130, 5001), (131, 2048), (67, 8192), (9, 32768)] {
            let bench = try Workbench(seed: UInt64(rows))
            let w = try bench.matrix(rows, columns, encoding)
            let x = try bench.buffer(1, columns)
            let expected = try bench.buffer(1, rows)
            reference().multiply(x, tokens: 1, by: w, into: expected)
            for operations in everyOperations(threads: [1, 2]) {
                let y = try bench.buffer(1, rows, filledWith: .nan)
                operations.multiply(x, tokens: 1, by: w, into: y)
                #expect(firstDifference(y.bits, expected.bits) == nil, "\(operations.instructionSet) \(rows)")
            }
        }
    }

    @Test(arguments: Encoding.allPlain)
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

    @Test(arguments: Encoding.allPlain)
    func tokensRowsAndThreadsDoNotChangeABit(encoding: Encoding) throws {
        let bench = try Workbench(seed: 11)
        let (rows, columns, tokens) = (131, 555, 70)
        let w = try bench.matrix(rows, columns, encoding)
        let x = try bench.buffer(tokens, columns)
        let whole = try bench.buffer(tokens, rows)
        reference().multiply(x, tokens: tokens, by: w, into: whole)
        for operations in everyOperations() {
            for range in [0..<rows, 0..<1, 5..<64, 64..<131, 130..<131, 17..<17] {
                for part in [0..<1, 3..<5, 10..<17, 20..<60, 0..<70] {
                    let y = try bench.buffer(part.count, range.count, filledWith: .nan)
                    operations.multiply(x.rows(part), tokens: part.count, by: w.rows(range), into: y)
                    let expected = part.flatMap { t in range.map { whole[t, $0].bitPattern } }
                    #expect(
                        y.bits == expected, "\(operations.instructionSet) \(operations.pool.threads) \(range) \(part)")
                }
            }
        }
    }

    @Test func unalignedInputsAndOutputsAreTheSame() throws {
        let bench = try Workbench()
        let (rows, columns) = (40, 100)
        let w = try bench.matrix(rows, columns, .bf16)
        for tokens in [1, 4, 40] {
            let storage = try bench.buffer(1, tokens * columns + 5)
            let x = storage.view(from: 5, rows: tokens, columns: columns)
            let expected = try bench.buffer(tokens, rows)
            reference().multiply(x, tokens: tokens, by: w, into: expected)
            for operations in everyOperations(threads: [1, 2]) {
                let out = try bench.buffer(1, tokens * rows + 3, filledWith: 9)
                let y = out.view(from: 3, rows: tokens, columns: rows)
                operations.multiply(x, tokens: tokens, by: w, into: y)
                #expect(firstDifference(y.bits, expected.bits) == nil)
                #expect((0..<3).allSatisfy { out[0, $0] == 9 })
            }
        }
    }

    @Test func columnsPastTheMatrixRowsAreLeftAlone() throws {
        let bench = try Workbench()
        let w = try bench.matrix(21, 33)
        for tokens in [1, 6, 40] {
            let x = try bench.buffer(tokens, 33)
            for operations in everyOperations(threads: [1, 2]) {
                let y = try bench.buffer(tokens + 1, 24, filledWith: 9)
                operations.multiply(x, tokens: tokens, by: w, into: y)
                for t in 0...tokens {
                    #expect(t < tokens ? Array(y.row(t).suffix(3)) == [9, 9, 9] : y.row(t).allSatisfy { $0 == 9 })
                }
            }
        }
    }

    @Test func paddingOfRowsIsNeverCounted() throws {
        let bench = try Workbench()
        for encoding in Encoding.allPlain {
            let w = try bench.matrix(9, 21, encoding)
            for tokens in [1, 3, 40] {
                let x = try bench.buffer(tokens, 21)
                let clean = try bench.buffer(tokens, 9)
                reference().multiply(x, tokens: tokens, by: w, into: clean)
                unsafe w.withRowBytes(0..<9) { bytes, stride in
                    for row in 0..<9 {
                        for byte in encoding.fileByteCount(rows: 1, columns: 0..<21)..<stride {
                            unsafe bytes[row * stride + byte] = 0xFF
                        }
                    }
                }
                for operations in everyOperations(threads: [1]) {
                    let y = try bench.buffer(tokens, 9)
                    operations.multiply(x, tokens: tokens, by: w, into: y)
                    #expect(firstDifference(y.bits, clean.bits) == nil)
                }
            }
        }
    }

    @Test func productsOfOneInputAreAsProductsAlone() throws {
        let bench = try Workbench()
        let x = try bench.buffer(3, 300)
        let matrices = [try bench.matrix(70, 300, .bf16), try bench.matrix(0, 300), try bench.matrix(31, 300, .f16)]
        let bias = try bench.vector(31)
        for operations in everyOperations() {
            let together = try matrices.map { try bench.buffer(3, $0.rows) }
            let alone = try matrices.map { try bench.buffer(3, $0.rows) }
            operations.multiply(
                x, tokens: 3, Product(matrices[0], into: together[0]), Product(matrices[1], into: together[1]),
                Product(matrices[2], bias: bias, into: together[2]))
            for (index, matrix) in matrices.enumerated() {
                reference().multiply(x, tokens: 3, by: matrix, bias: index == 2 ? bias : nil, into: alone[index])
            }
            #expect(firstDifference(together.flatMap(\.bits), alone.flatMap(\.bits)) == nil)
        }
    }

    @Test func aProductOverNoColumnsIsItsBias() throws {
        let bench = try Workbench()
        let bias = try bench.vector(5)
        for operations in everyOperations(threads: [1, 2]) {
            for tokens in [1, 3, 40] {
                let y = try bench.buffer(tokens, 5, filledWith: .nan)
                operations.multiply(
                    try bench.buffer(tokens, 0), tokens: tokens, by: try bench.matrix(5, 0), bias: bias, into: y)
                #expect((0..<tokens).allSatisfy { t in y.row(t) == (0..<5).map { bias[$0] } })
            }
        }
    }

    @Test func readingMemoryIsMeasured() throws {
        for operations in everyOperations(threads: [1, 2]) {
            let arena = try operations.writtenArena(byteCount: 1 << 20)
            var meetings = 0
            let streams = operations.fastestStreams(of: arena, 0..<arena.usedByteCount, repeats: 3) { meetings += 1 }
            #expect([1, 4, 8].contains(streams) && meetings == 9)
            #expect(operations.readBandwidth(of: arena, 0..<arena.usedByteCount, streams: streams) > 0)
        }
    }
}
