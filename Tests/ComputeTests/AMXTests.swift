import Blueprint
import Compute
import Testing

/// Products of many tokens in tiles of bf16, on processors that have them.
@Suite(.enabled(if: InstructionSet.supported.contains(.amx), "This processor has no AMX, or the system keeps it."))
struct AMXTests {
    private static func operations(
        _ bench: Workbench, _ set: InstructionSet = .amx, threads: Int = 1, columns: Int, tokens: Int
    ) throws -> Operations {
        let rounded = try bench.buffer(tokens, Math.roundedByteCount(columns: columns) / 4)
        return Operations(
            pool: Pool(threads: threads), instructionSet: set, isExact: false, math: .fast, rounded: rounded)
    }

    /// bf16 without a grouping.
    private static func matrix(
        _ bench: Workbench, _ rows: Int, _ columns: Int, _ grouping: Grouping?
    ) throws -> Matrix {
        guard let grouping else { return try bench.matrix(rows, columns, .bf16) }
        return try Panels(bench, rows, columns, grouping).matrix
    }

    private static let groupings = [
        nil, Grouping(bits: 4, size: 32, scale: .f16, hasOffsets: false),
        Grouping(bits: 8, size: 64, scale: .bf16, hasOffsets: true),
        Grouping(bits: 6, size: 16, scale: .nested, hasOffsets: false),
    ]

    /// The nearest bf16, of two the even one, as inputs are rounded.
    private static func bfloat(_ value: Float) -> Float {
        let bits = value.bitPattern
        return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
    }

    /// The nearest bf16, of two the larger one, as weights are rounded.
    private static func largerBFloat(_ value: Float) -> Float {
        Float(bitPattern: (value.bitPattern + 0x8000) & 0xFFFF_0000)
    }

    /// The largest difference from sums in double precision of rounded factors, in units of what their additions may
    /// round off.
    private static func worstError(_ y: Buffer, _ x: Buffer, _ weights: [[Float]], bias: Vector) -> Double {
        let inputs = (0..<y.rows).map { x.row($0).map(bfloat) }
        var worst = 0.0
        for (t, input) in inputs.enumerated() {
            for (row, weight) in weights.enumerated() {
                let terms = zip(input, weight).map { Double($0) * Double($1) }
                let size = terms.reduce(abs(Double(bias[row]))) { $0 + abs($1) }
                let error = abs(Double(y[t, row]) - terms.reduce(Double(bias[row]), +))
                let bound = Double(input.count + 16) * 0x1p-24 * size + 0x1p-100
                worst = error.isNaN ? .infinity : max(worst, error / bound)
            }
        }
        return worst
    }

    @Test(arguments: Grouping.all)
    func productsWithGroupedWeightsAreThoseOfRoundedFactors(grouping: Grouping) throws {
        for (columns, first, rows, tokens) in [
            (1, 0, 1, 16), (31, 0, 17, 33), (257, 7, 40, 25), (96, 64, 33, 49), (2300, 250, 17, 33),
        ] {
            let bench = try Workbench(seed: UInt64(columns))
            let panels = try Panels(bench, rows, columns, grouping, firstColumn: first)
            let bias = try bench.vector(rows)
            let x = try bench.buffer(tokens, columns, scale: 3)
            let weights = (0..<rows).map { panels.matrix.floats(row: $0).map(Self.largerBFloat) }
            for threads in [1, 3] {
                let operations = try Self.operations(bench, threads: threads, columns: columns, tokens: tokens)
                let y = try bench.buffer(tokens, rows, filledWith: .nan)
                operations.multiply(x, tokens: tokens, by: panels.matrix, bias: bias, into: y)
                #expect(Self.worstError(y, x, weights, bias: bias) <= 1, "\(grouping.name) \(columns) \(threads)")
            }
        }
    }

    @Test func productsWithBFloatsAreThoseOfRoundedInput() throws {
        for (columns, rows, tokens) in [
            (1, 1, 6), (31, 5, 7), (65, 35, 9), (33, 18, 16), (257, 50, 17), (2100, 18, 40),
        ] {
            let bench = try Workbench(seed: UInt64(columns))
            let w = try bench.matrix(rows, columns, .bf16)
            let bias = try bench.vector(rows)
            let x = try bench.buffer(tokens, columns)
            let weights = (0..<rows).map { w.floats(row: $0) }
            for threads in [1, 2] {
                let operations = try Self.operations(bench, threads: threads, columns: columns, tokens: tokens)
                let y = try bench.buffer(tokens, rows, filledWith: .nan)
                operations.multiply(x, tokens: tokens, by: w, bias: bias, into: y)
                #expect(Self.worstError(y, x, weights, bias: bias) <= 1, "\(columns) \(rows) \(tokens) \(threads)")
            }
        }
    }

    /// More tokens, panels and blocks than are multiplied at a time.
    @Test(arguments: groupings) func tokensRowsAndThreadsDoNotChangeABit(grouping: Grouping?) throws {
        let bench = try Workbench(byteCount: 64 << 20, seed: 11)
        let (rows, columns, tokens) = (600, 2555, 300)
        let w = try Self.matrix(bench, rows, columns, grouping)
        let x = try bench.buffer(tokens, columns)
        let whole = try bench.buffer(tokens, rows)
        try Self.operations(bench, columns: columns, tokens: tokens).multiply(x, tokens: tokens, by: w, into: whole)
        for threads in [1, 2, 5] {
            let operations = try Self.operations(bench, threads: threads, columns: columns, tokens: tokens)
            for (part, range) in [
                (0..<24, 0..<rows), (20..<61, 16..<33), (3..<263, 320..<600), (0..<300, 0..<rows),
            ] {
                let y = try bench.buffer(part.count, range.count, filledWith: .nan)
                operations.multiply(x.rows(part), tokens: part.count, by: w.rows(range), into: y)
                let expected = part.flatMap { t in range.map { whole[t, $0].bitPattern } }
                #expect(firstDifference(y.bits, expected) == nil, "\(threads) \(part) \(range)")
            }
        }
    }

    @Test func fewTokensAndNoOthersHaveTheBitsOfVectors() throws {
        let bench = try Workbench(seed: 2)
        for grouping in Self.groupings {
            let w = try Self.matrix(bench, 50, 300, grouping)
            // Sums of many columns round otherwise in tiles.
            let fewest = grouping == nil ? 6 : 16
            for tokens in [1, 2, 7, fewest - 1, fewest] {
                let x = try bench.buffer(tokens, 300)
                let results = try [InstructionSet.avx512, .amx].map { set in
                    let y = try bench.buffer(tokens, 50, filledWith: .nan)
                    try Self.operations(bench, set, columns: 300, tokens: tokens)
                        .multiply(x, tokens: tokens, by: w, into: y)
                    return y.bits
                }
                let difference = firstDifference(results[0], results[1])
                #expect((difference == nil) == (tokens < fewest), "\(grouping?.name ?? "bf16") \(tokens)")
            }
        }
    }

    @Test func aProductOverNoColumnsIsTheBias() throws {
        let bench = try Workbench(seed: 8)
        let w = try bench.matrix(20, 0, .bf16)
        let bias = try bench.vector(20)
        let x = try bench.buffer(40, 0)
        let y = try bench.buffer(40, 20, filledWith: .nan)
        try Self.operations(bench, columns: 1, tokens: 40).multiply(x, tokens: 40, by: w, bias: bias, into: y)
        #expect((0..<40).allSatisfy { t in (0..<20).allSatisfy { y[t, $0] == bias[$0] } })
    }

    @Test(arguments: [Float.infinity, -.infinity, .nan, .signalingNaN])
    func anElementThatIsNoNumberMakesItsTokenNoNumber(value: Float) throws {
        let bench = try Workbench(seed: 7)
        for grouping in Self.groupings {
            let w = try Self.matrix(bench, 16, 96, grouping)
            let x = try bench.buffer(40, 96)
            x[33, 70] = value
            let y = try bench.buffer(40, 16)
            try Self.operations(bench, columns: 96, tokens: 40).multiply(x, tokens: 40, by: w, into: y)
            for t in 0..<40 { #expect(y.row(t).allSatisfy(\.isFinite) == (t != 33)) }
            #expect(y.row(33).allSatisfy { !$0.isFinite })
        }
    }

    /// Rounding such a scale of f16 as a number would make it zero: the bits that rounding carries through are all set.
    /// One of bf16 would stay what it is.
    @Test(arguments: [0x7FFF, 0xFFFF] as [UInt16]) func aScaleThatIsNoNumberMakesItsRowNoNumber(bits: UInt16) throws {
        let bench = try Workbench(seed: 12)
        for grouping in Self.groupings.compactMap({ $0 }) where grouping.scale != .nested {
            let w = try Self.matrix(bench, 20, 96, grouping)
            // A panel begins with the scales of its rows in the first group.
            unsafe w.withPanelBytes(0..<1) { panel in
                unsafe panel.storeBytes(of: bits.littleEndian, toByteOffset: 2 * 5, as: UInt16.self)
            }
            let x = try bench.buffer(40, 96)
            let y = try bench.buffer(40, 20)
            try Self.operations(bench, columns: 96, tokens: 40).multiply(x, tokens: 40, by: w, into: y)
            for row in 0..<20 {
                #expect((0..<40).allSatisfy { y[$0, row].isNaN == (row == 5) }, "\(grouping.name) \(row)")
            }
        }
    }

    @Test func exactAndPreciseOperationsNeverUseIt() throws {
        let bench = try Workbench(seed: 9)
        let w = try bench.matrix(33, 200, .bf16)
        let x = try bench.buffer(30, 200)
        let results = try [
            reference(), Operations(pool: Pool(threads: 1), instructionSet: .amx),
            Operations(pool: Pool(threads: 1), instructionSet: .amx, isExact: false),
            Self.operations(bench, columns: 200, tokens: 30).exact,
        ].map { operations in
            let y = try bench.buffer(30, 33)
            operations.multiply(x, tokens: 30, by: w, into: y)
            return y.bits
        }
        for result in results { #expect(firstDifference(result, results[0]) == nil) }
    }
}
