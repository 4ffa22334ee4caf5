import Blueprint
import Compute
import Testing

@Suite struct FastMathTests {
    /// Every way to multiply rounded input that this machine has, as operations on so many threads.
    private static func fast(
        _ bench: Workbench, threads: [Int] = [1], dots: [DotProduct] = DotProduct.supported, columns: Int, tokens: Int
    ) throws -> [Operations] {
        let rounded = try bench.buffer(max(tokens, 1) * 5, Math.roundedByteCount(columns: columns) / 4)
        return dots.flatMap { dot in
            threads.map { threads in
                let sets = InstructionSet.supported.filter { DotProduct.best(for: $0) == dot }
                return Operations(
                    pool: Pool(threads: threads), instructionSet: sets.first ?? .portable, isExact: false, math: .fast,
                    rounded: rounded, dot: dot)
            }
        }
    }

    /// The input as integers and their scale, for each 32 columns of the panel: the rule of the header, in Swift.
    private struct Rounded {
        var values: [Int] = []  // [blocks * 32]
        var scales: [Float] = []  // [blocks]
        let end: Int

        init(_ x: [Float], missing: Int) {
            end = missing + x.count
            let blocks = (end + 31) / 32
            var padded = [Float](repeating: 0, count: missing) + x
            padded += [Float](repeating: 0, count: 32 * blocks - padded.count)
            for start in stride(from: 0, to: padded.count, by: 32) {
                let block = padded[start..<start + 32]
                let largest = block.reduce(0) { max($0, abs($1)) }
                scales.append(largest * (1 / 127))
                let inverse = largest > 0 ? 127 / largest : 0
                values += block.map { Int(($0 * inverse).rounded(.toNearestOrEven)) }
            }
        }
    }

    /// Row `row` times one token: exact integer sums, then the float operations in their order.
    private static func reference(_ panels: Panels, _ row: Int, _ x: Rounded, bias: Float?) -> Float {
        let step = panels.grouping.size == 16 ? 16 : 32
        var sum: Float = 0
        for start in stride(from: 0, to: x.end, by: step) {
            let scale = x.scales[start / 32]
            let inputs = x.values[start..<start + step]
            let products = inputs.indices.reduce(0) { $0 + x.values[$1] * panels.integer(row: row, column: $1) }
            sum.addProduct(Float(products), panels.scale(row: row, column: start) * scale)
            if panels.grouping.hasOffsets {
                sum.addProduct(panels.offset(row: row, column: start), scale * Float(inputs.reduce(0, +)))
            }
        }
        return bias.map { sum + $0 } ?? sum
    }

    @Test(arguments: Grouping.all)
    func everyProcessorGivesTheBitsOfExactIntegerSums(grouping: Grouping) throws {
        for (columns, first, rows, tokens) in [
            (1, 0, 1, 1), (31, 0, 17, 2), (33, 32, 5, 3), (96, 64, 33, 9), (257, 7, 18, 5), (1100, 250, 16, 19),
        ] {
            let bench = try Workbench(seed: UInt64(columns))
            let panels = try Panels(bench, rows, columns, grouping, firstColumn: first)
            let bias = try bench.vector(rows)
            let x = try bench.buffer(tokens, columns, scale: 3)
            let inputs = (0..<tokens).map { Rounded(x.row($0), missing: panels.missing) }
            let expected = inputs.flatMap { input in
                (0..<rows).map { Self.reference(panels, $0, input, bias: bias[$0]).bitPattern }
            }
            for operations in try Self.fast(bench, columns: columns, tokens: tokens) {
                let y = try bench.buffer(tokens, rows, filledWith: .nan)
                operations.multiply(x, tokens: tokens, by: panels.matrix, bias: bias, into: y)
                #expect(
                    firstDifference(y.bits, expected) == nil, "\(grouping.name) \(columns) \(operations.instructionSet)"
                )
            }
        }
    }

    /// Half a step of the input's rounding per column, and a rounding of each of the float operations.
    @Test(arguments: Grouping.all)
    func productsAreWithinTheRoundingOfTheInput(grouping: Grouping) throws {
        let bench = try Workbench(seed: 5)
        let (rows, columns, tokens) = (20, 300, 3)
        let panels = try Panels(bench, rows, columns, grouping, firstColumn: 8)
        let x = try bench.buffer(tokens, columns)
        let y = try bench.buffer(tokens, rows)
        for operations in try Self.fast(bench, columns: columns, tokens: tokens) {
            operations.multiply(x, tokens: tokens, by: panels.matrix, into: y)
            for t in 0..<tokens {
                let input = x.row(t)
                for row in 0..<rows {
                    var (exact, bound) = (0.0, 0.0)
                    for (k, value) in input.enumerated() {
                        let column = panels.missing + k
                        let (scale, offset) = (
                            panels.scale(row: row, column: column), panels.offset(row: row, column: column)
                        )
                        let weight = Double(scale) * Double(panels.integer(row: row, column: column)) + Double(offset)
                        let first = column / 32 * 32 - panels.missing
                        let block = input[max(0, first)..<min(columns, first + 32)]
                        let step = Double(block.reduce(0) { max($0, abs($1)) }) / 127
                        exact += weight * Double(value)
                        bound +=
                            (abs(weight) * (0.5 * step) + 64 * 0x1p-24 * (abs(weight) + abs(Double(offset)))
                                * abs(Double(value))) * 1.0001
                    }
                    #expect(abs(Double(y[t, row]) - exact) <= bound, "\(grouping.name) \(t) \(row)")
                }
            }
        }
    }

    @Test(arguments: [
        Grouping(bits: 4, size: 32, scale: .f16, hasOffsets: false),
        Grouping(bits: 4, size: 16, scale: .nested, hasOffsets: true),
        Grouping(bits: 5, size: 32, scale: .nested, hasOffsets: true),
        Grouping(bits: 6, size: 16, scale: .nested, hasOffsets: false),
        Grouping(bits: 6, size: 64, scale: .bf16, hasOffsets: true),
        Grouping(bits: 8, size: 64, scale: .bf16, hasOffsets: true),
    ])
    func tokensRowsAndThreadsDoNotChangeABit(grouping: Grouping?) throws {
        let grouping = try #require(grouping)
        let bench = try Workbench(seed: 11)
        let (rows, columns, tokens) = (131, 1555, 150)
        let panels = try Panels(bench, rows, columns, grouping)
        let x = try bench.buffer(tokens, columns)
        let whole = try bench.buffer(tokens, rows)
        let fast = try Self.fast(bench, threads: [1, 2, 5], columns: columns, tokens: tokens)
        for (index, operations) in fast.enumerated() {
            if index == 0 {
                operations.multiply(x, tokens: tokens, by: panels.matrix, into: whole)
                continue
            }
            for part in [0..<1, 3..<5, 10..<17, 20..<45, 0..<150] {
                let y = try bench.buffer(part.count, rows, filledWith: .nan)
                operations.multiply(x.rows(part), tokens: part.count, by: panels.matrix, into: y)
                let expected = whole.rows(part).bits
                #expect(firstDifference(y.bits, expected) == nil, "\(operations.instructionSet) \(part)")
            }
        }
    }

    /// Rows of one token are taken by whoever is free: here many times by each thread.
    @Test func rowsThatThreadsTakeAreTheSameBits() throws {
        let grouping = try #require(Grouping(bits: 4, size: 32, scale: .f16, hasOffsets: false))
        let bench = try Workbench(seed: 12)
        let (rows, columns) = (9001, 1024)
        let panels = try Panels(bench, rows, columns, grouping)
        let x = try bench.buffer(1, columns)
        let dot = try #require(DotProduct.supported.last)
        let fast = try Self.fast(bench, threads: [1, 2, 3, 5], dots: [dot], columns: columns, tokens: 1)
        let alone = try bench.buffer(1, rows, filledWith: .nan)
        fast[0].multiply(x, tokens: 1, by: panels.matrix, into: alone)
        for operations in fast[1...] {
            for _ in 0..<20 {
                let y = try bench.buffer(1, rows, filledWith: .nan)
                operations.multiply(x, tokens: 1, by: panels.matrix, into: y)
                #expect(firstDifference(y.bits, alone.bits) == nil, "\(operations.pool.threads) threads")
            }
        }
    }

    @Test func productsOfOneInputAreAsProductsAloneWhateverTheirEncodings() throws {
        let bench = try Workbench(seed: 3)
        let columns = 320
        let groupings = [
            try #require(Grouping(bits: 4, size: 32, scale: .f16, hasOffsets: false)),
            try #require(Grouping(bits: 6, size: 16, scale: .nested, hasOffsets: false)),
        ]
        let matrices = [
            try Panels(bench, 40, columns, groupings[0]).matrix, try bench.matrix(33, columns, .bf16),
            try Panels(bench, 24, columns, groupings[1]).matrix,
        ]
        for tokens in [1, 2, 30, 40] {
            let x = try bench.buffer(tokens, columns)
            for operations in try Self.fast(bench, threads: [1, 2], columns: columns, tokens: tokens) {
                let together = try matrices.map { try bench.buffer(tokens, $0.rows) }
                let alone = try matrices.map { try bench.buffer(tokens, $0.rows) }
                operations.multiply(
                    x, tokens: tokens, Product(matrices[0], into: together[0]), Product(matrices[1], into: together[1]),
                    Product(matrices[2], into: together[2]))
                for (matrix, output) in zip(matrices, alone) {
                    operations.multiply(x, tokens: tokens, by: matrix, into: output)
                }
                #expect(firstDifference(together.flatMap(\.bits), alone.flatMap(\.bits)) == nil)
            }
        }
    }

    /// Where the kernels multiply: elsewhere OpenBLAS may take many tokens.
    @Test func bfloatProductsOfATokenAreTheSameBitsAloneAndAmongOthers() throws {
        for (columns, rows, tokens) in [(1, 1, 2), (33, 5, 4), (2048, 17, 7), (4999, 6, 13)] {
            let bench = try Workbench(seed: UInt64(columns))
            let w = try bench.matrix(rows, columns, .bf16)
            let bias = try bench.vector(rows)
            let x = try bench.buffer(tokens, columns)
            for operations in try Self.fast(bench, columns: columns, tokens: tokens)
            where operations.instructionSet == .avx512 {
                let y = try bench.buffer(tokens, rows, filledWith: .nan)
                operations.multiply(x, tokens: tokens, by: w, bias: bias, into: y)
                for token in 0..<tokens {
                    let alone = try bench.buffer(1, rows, filledWith: .nan)
                    operations.multiply(x.rows(token..<token + 1), tokens: 1, by: w, bias: bias, into: alone)
                    #expect(firstDifference(alone.bits, y.rows(token..<token + 1).bits) == nil, "\(columns) \(token)")
                }
            }
        }
    }

    /// Of 32 tokens or more whole thirty-twos have lanes of their own, the rest has the bits of few: neither the cuts
    /// of rows nor how many tokens are multiplied at once matter, and what lies beside a product stays.
    @Test func bfloatProductsOfManyTokensAreTheSameBitsHoweverTheyAreCut() throws {
        let (rows, columns, tokens) = (205, 2501, 103)
        let bench = try Workbench(seed: 8)
        let w = try bench.matrix(rows, columns, .bf16)
        let x = try bench.buffer(tokens, columns)
        x[40, 7] = .infinity
        func product(_ operations: Operations, _ range: Range<Int>) throws -> [[UInt32]] {
            let y = try bench.buffer(range.count, rows + 3, filledWith: 7)
            operations.multiply(x.rows(range), tokens: range.count, Product(w, into: y, at: 2))
            return (0..<range.count).map { y.row($0).map(\.bitPattern) }
        }
        let all = try Self.fast(bench, threads: [1, 2, 5], columns: columns, tokens: tokens)
        let those = all.filter { $0.instructionSet == .avx512 }
        guard let first = those.first else { return }
        let expected = try product(first, 0..<tokens)
        for operations in those {
            #expect(try product(operations, 0..<tokens) == expected)
        }
        for pieces in [[0..<32, 32..<64, 64..<96, 96..<103], [0..<64, 64..<96, 96..<97, 97..<103]] {
            #expect(try pieces.flatMap { try product(first, $0) } == expected)
        }
        let seven = Float(7).bitPattern
        #expect(expected.allSatisfy { $0[0] == seven && $0[1] == seven && $0[rows + 2] == seven })
        let finite = expected.map { row in row.allSatisfy { Float(bitPattern: $0).isFinite } }
        #expect(finite == (0..<tokens).map { $0 != 40 })
    }

    /// Of products with the input rounded to bf16 only the additions round: a lane has a sixteenth of the columns, or
    /// of 32 tokens and more all, on Arm a fourth and roundings of up to a whole step, and a few follow for lanes,
    /// blocks of columns and the bias.
    @Test func bfloatProductsAreSumsOverTheRoundedInput() throws {
        for (columns, rows, tokens) in [
            (1, 1, 2), (31, 5, 3), (32, 4, 7), (257, 18, 13), (1040, 21, 40), (4999, 9, 7), (1, 1, 32), (63, 13, 33),
            (64, 6, 64), (301, 97, 96), (130, 205, 71), (4999, 5, 131),
        ] {
            let bench = try Workbench(seed: UInt64(columns + tokens))
            let w = try bench.matrix(rows, columns, .bf16)
            let bias = try bench.vector(rows)
            let x = try bench.buffer(tokens, columns)
            unsafe w.withRowBytes(0..<rows) { bytes, stride in
                for row in 0..<rows { for byte in 2 * columns..<stride { unsafe bytes[row * stride + byte] = 0xFF } }
            }
            let weights = (0..<rows).map { w.floats(row: $0) }
            let inputs = (0..<tokens).map(x.row)
            for dot in DotProduct.supported {
                let chain = columns / (tokens < 32 ? 16 : 1)
                let step = dot == .neon ? Double(columns / 4 + 16) * 0x1p-23 : Double(chain + 16) * 0x1p-24
                let relative = dot.takesBFloats ? step : Double(columns + 16) * 0x1p-24
                for operations in try Self.fast(bench, threads: [1, 2], dots: [dot], columns: columns, tokens: tokens) {
                    let y = try bench.buffer(tokens, rows, filledWith: .nan)
                    operations.multiply(x, tokens: tokens, by: w, bias: bias, into: y)
                    for t in 0..<tokens {
                        let input = dot.takesBFloats ? inputs[t].map(Self.bfloat) : inputs[t]
                        for row in 0..<rows {
                            let terms = zip(input, weights[row]).map { Double($0) * Double($1) }
                            let size = terms.reduce(abs(Double(bias[row]))) { $0 + abs($1) }
                            let exact = terms.reduce(Double(bias[row]), +)
                            let error = abs(Double(y[t, row]) - exact)
                            #expect(error <= relative * size, "\(dot) \(columns) \(t) \(row)")
                        }
                    }
                }
            }
        }
    }

    /// The nearest bf16, of two the even one.
    private static func bfloat(_ value: Float) -> Float {
        let bits = value.bitPattern
        return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
    }

    @Test func blocksOfZerosAndOfTinyNumbersCountAsZero() throws {
        let bench = try Workbench(seed: 4)
        let grouping = try #require(Grouping(bits: 8, size: 32, scale: .f32, hasOffsets: true))
        let panels = try Panels(bench, 16, 96, grouping)
        for value: Float in [0, -0.0, 0x1p-121, .leastNonzeroMagnitude] {
            let x = try bench.buffer(1, 96, filledWith: value)
            for operations in try Self.fast(bench, columns: 96, tokens: 1) {
                let y = try bench.buffer(1, 16, filledWith: .nan)
                operations.multiply(x, tokens: 1, by: panels.matrix, into: y)
                #expect(y.elements.allSatisfy { $0 == 0 })
            }
        }
    }

    /// A huge element takes the precision of its own 32 columns and of no others.
    @Test func aHugeElementHarmsOnlyItsBlock() throws {
        let bench = try Workbench(seed: 6)
        let grouping = try #require(Grouping(bits: 4, size: 32, scale: .f32, hasOffsets: false))
        let panels = try Panels(bench, 16, 96, grouping)
        let x = try bench.buffer(1, 96)
        x[0, 40] = 0x1p100
        for operations in try Self.fast(bench, columns: 96, tokens: 1) {
            let y = try bench.buffer(1, 16)
            operations.multiply(x, tokens: 1, by: panels.matrix, into: y)
            for row in 0..<16 {
                let weight = Float(panels.integer(row: row, column: 40)) * panels.scale(row: row, column: 40)
                #expect(abs(y[0, row] - weight * 0x1p100) <= abs(weight) * 0x1p80)
            }
        }
    }

    @Test(arguments: [Float.infinity, -.infinity, .nan, .signalingNaN])
    func anElementThatIsNoNumberMakesItsTokenNaN(value: Float) throws {
        let bench = try Workbench(seed: 7)
        let grouping = try #require(Grouping(bits: 6, size: 16, scale: .nested, hasOffsets: false))
        let panels = try Panels(bench, 16, 96, grouping)
        let x = try bench.buffer(2, 96)
        x[1, 70] = value
        for operations in try Self.fast(bench, columns: 96, tokens: 2) {
            let y = try bench.buffer(2, 16)
            operations.multiply(x, tokens: 2, by: panels.matrix, into: y)
            #expect(y.row(0).allSatisfy(\.isFinite) && y.row(1).allSatisfy(\.isNaN))
        }
    }

    @Test func exactOperationsNeverRound() throws {
        let bench = try Workbench()
        let rounded = try bench.buffer(4, Math.roundedByteCount(columns: 64) / 4)
        for set in InstructionSet.supported {
            let exact = Operations(pool: Pool(threads: 1), instructionSet: set, math: .fast, rounded: rounded)
            #expect(exact.math == .precise)
            let free = Operations(
                pool: Pool(threads: 1), instructionSet: set, isExact: false, math: .fast, rounded: rounded)
            #expect(free.exact.math == .precise)
            #expect((free.math == .fast) == (DotProduct.best(for: set) != nil))
        }
    }
}
