import Blueprint
import Compute
import Testing

@Suite struct GroupedTests {
    static let rowCounts = [1, 15, 16, 17, 33]
    static let columnCounts = [1, 7, 31, 32, 33, 100, 250, 257, 300]
    static let firsts = [0, 8, 32, 40, 96]
    static let tokenCounts = [1, 2, 3, 7, 16, 40, 65]

    /// A shape for each index; any few dozen successive ones have every count, in ever other company.
    static func shape(_ index: Int) -> (rows: Int, columns: Range<Int>, tokens: Int) {
        let first = firsts[index / 5 % 5]
        return (rowCounts[index % 5], first..<first + columnCounts[index % 9], tokenCounts[index % 7])
    }

    /// Whether a matrix packed from columns of a weight has the bits of the weight's formula.
    private func reads(_ matrix: Matrix, back weight: GroupedWeight, _ columns: Range<Int>) -> Bool {
        (0..<matrix.rows).allSatisfy { row in
            matrix.floats(row: row).map(\.bitPattern) == weight.floats(row, columns).map(\.bitPattern)
        }
    }

    @Test func everyGroupingIsPackedAndReadBackByItsFormula() throws {
        for (index, grouping) in Grouping.all.enumerated() {
            for shape in (0..<9).map({ Self.shape(index * 7 + $0) }) {
                let bench = try Workbench(byteCount: 4 << 20)
                let weight = GroupedWeight(grouping, rows: shape.rows, columns: 420, seed: UInt64(index + 1))
                for skipped in [0, min(5, shape.columns.lowerBound), shape.columns.lowerBound] {
                    let matrix = try weight.matrix(bench, columns: shape.columns, skipped: skipped)
                    #expect(reads(matrix, back: weight, shape.columns), "\(grouping.name) \(shape) \(skipped)")
                }
            }
        }
    }

    @Test(arguments: InstructionSet.supported)
    func everyInstructionSetPacksPanelsThatReadBackByTheirFormula(instructionSet: InstructionSet) throws {
        for (index, grouping) in Grouping.all.enumerated() {
            for shape in (0..<3).map({ Self.shape(index * 11 + $0 * 4) }) {
                let bench = try Workbench(byteCount: 4 << 20)
                let weight = GroupedWeight(grouping, rows: shape.rows, columns: 420, seed: UInt64(index + 1))
                let matrix = try weight.matrix(bench, columns: shape.columns, by: instructionSet)
                #expect(reads(matrix, back: weight, shape.columns), "\(grouping.name) \(shape)")
            }
        }
    }

    @Test(arguments: [4, 5, 6, 8])
    func productsHaveTheBitsOfDequantisedWeights(bits: Int) throws {
        let all = everyOperations(threads: [1, 2, 3])
        for (index, grouping) in Grouping.all.filter({ $0.bits == bits }).enumerated() {
            for shape in (0..<6).map({ Self.shape(index * 11 + $0 * 3) }) {
                let bench = try Workbench(byteCount: 8 << 20, seed: UInt64(index))
                let weight = GroupedWeight(grouping, rows: shape.rows, columns: 400, seed: UInt64(index))
                let w = try weight.matrix(bench, columns: shape.columns)
                let plain = try weight.plain(bench, columns: shape.columns)
                let bias = index % 2 == 0 ? try bench.vector(shape.rows) : nil
                // Products that round to -0 or to 0 on their way are among them.
                let scale: Float = index % 5 == 0 ? 0x1p-125 : 1
                let x = try bench.buffer(shape.tokens, shape.columns.count, scale: scale)
                let expected = try bench.buffer(shape.tokens, shape.rows)
                reference().multiply(x, tokens: shape.tokens, by: plain, bias: bias, into: expected)
                for operations in all {
                    let y = try bench.buffer(shape.tokens, shape.rows, filledWith: .nan)
                    operations.multiply(x, tokens: shape.tokens, by: w, bias: bias, into: y)
                    let comment = "\(grouping.name) \(shape) \(operations.instructionSet) \(operations.pool.threads)"
                    #expect(firstDifference(y.bits, expected.bits) == nil, "\(comment)")
                }
            }
        }
    }

    @Test func longRowsAndManyPanelsAreTheSame() throws {
        for (index, grouping) in Grouping.all.enumerated() where index % 13 == 0 {
            let bench = try Workbench(seed: UInt64(index))
            let weight = GroupedWeight(grouping, rows: 50, columns: 2700, seed: UInt64(index))
            let w = try weight.matrix(bench, columns: 24..<2700)
            let plain = try weight.plain(bench, columns: 24..<2700)
            for tokens in [1, 4, 5, 11, 70] {
                let x = try bench.buffer(tokens, 2676)
                let expected = try bench.buffer(tokens, 50)
                reference().multiply(x, tokens: tokens, by: plain, into: expected)
                for operations in everyOperations(threads: [1, 3]) {
                    let y = try bench.buffer(tokens, 50, filledWith: .nan)
                    operations.multiply(x, tokens: tokens, by: w, into: y)
                    #expect(firstDifference(y.bits, expected.bits) == nil, "\(grouping.name) \(tokens)")
                }
            }
        }
    }

    @Test func productsAreTheProductInDoublePrecision() throws {
        for (index, grouping) in Grouping.all.enumerated() {
            let bench = try Workbench(byteCount: 4 << 20, seed: UInt64(index))
            let (rows, columns) = (17, 250)
            let weight = GroupedWeight(grouping, rows: rows, columns: columns, seed: UInt64(index))
            let w = try weight.matrix(bench, columns: 0..<columns)
            let x = try bench.buffer(2, columns)
            for operations in everyOperations(threads: [1]) {
                let y = try bench.buffer(2, rows)
                operations.multiply(x, tokens: 2, by: w, into: y)
                for (t, r) in (0..<2).flatMap({ t in (0..<rows).map { (t, $0) } }) {
                    let terms = (0..<columns).map { Double(x[t, $0]) * Double(weight.element(r, $0)) }
                    let bound = Double(columns / 16 + 8) * 0x1p-24 * terms.reduce(0) { $0 + abs($1) }
                    #expect(abs(Double(y[t, r]) - terms.reduce(0, +)) <= bound, "\(grouping.name) \(t) \(r)")
                }
            }
        }
    }

    @Test func rowsFromAPanelOnAreThoseOfTheWhole() throws {
        for grouping in [Grouping(bits: 4, size: 32, scale: .f16, hasOffsets: false), Grouping.all.last] {
            guard let grouping else { continue }
            let bench = try Workbench()
            let weight = GroupedWeight(grouping, rows: 70, columns: 96, seed: 3)
            let w = try weight.matrix(bench, columns: 32..<96)
            let x = try bench.buffer(3, 64)
            let whole = try bench.buffer(3, 70)
            reference().multiply(x, tokens: 3, by: w, into: whole)
            for range in [0..<70, 16..<40, 48..<70, 64..<65, 32..<32] {
                for operations in everyOperations(threads: [1, 2]) {
                    let y = try bench.buffer(3, range.count)
                    operations.multiply(x, tokens: 3, by: w.rows(range), into: y)
                    #expect(y.bits == (0..<3).flatMap { t in range.map { whole[t, $0].bitPattern } })
                }
            }
        }
    }

    @Test func panelsArePackedInAnyOrderAndByAnyThread() throws {
        guard let grouping = Grouping(bits: 6, size: 16, scale: .nested, hasOffsets: false) else { return }
        let bench = try Workbench()
        let weight = GroupedWeight(grouping, rows: 100, columns: 300, seed: 9)
        let whole = try weight.matrix(bench, columns: 0..<300)
        let pieces = try bench.arena.matrix(rows: 100, columns: 300, encoding: .grouped(grouping))
        Pool(threads: 3).run { thread in
            for first in [0, 32, 48, 96, 64].enumerated().filter({ $0.offset % 3 == thread }).map(\.element) {
                let last = first == 0 ? 32 : min(first + (first == 64 ? 32 : 16), 100)
                weight.withRows(first..<last, columns: 0..<300) { pieces.pack($0, at: first) }
            }
        }
        #expect((0..<100).allSatisfy { pieces.floats(row: $0) == whole.floats(row: $0) })
    }

    @Test func whatIsNotGivenIsZero() throws {
        for grouping in Grouping.all where grouping.size == 32 {
            let bench = try Workbench()
            let weight = GroupedWeight(grouping, rows: 20, columns: 128, seed: 5)
            let w = try bench.arena.matrix(rows: 40, columns: 100, encoding: .grouped(grouping), firstColumn: 32)
            weight.withRows(0..<20, columns: 32..<96) { w.pack($0, at: 0) }
            #expect((0..<20).allSatisfy { Array(w.floats(row: $0).prefix(64)) == weight.floats($0, 32..<96) })
            #expect((0..<20).allSatisfy { w.floats(row: $0).suffix(36).allSatisfy { $0 == 0 } })
            #expect((20..<40).allSatisfy { w.floats(row: $0).allSatisfy { $0 == 0 } })
        }
    }

    @Test func embeddingsAreRowsOfTheTable() throws {
        for grouping in Grouping.all where grouping.scale == .bf16 || grouping.scale == .nested {
            let bench = try Workbench()
            let weight = GroupedWeight(grouping, rows: 37, columns: 90, seed: 7)
            let table = try weight.matrix(bench, columns: 0..<90)
            let tokens: [Int32] = [100, 136, 99, 116, 137, 115]
            for operations in everyOperations(threads: [1]) {
                let y = try bench.buffer(6, 90, filledWith: .nan)
                operations.embed(tokens.span, table: table, firstRow: 100, into: y)
                for (index, token) in tokens.enumerated() {
                    let row = Int(token) - 100
                    let expected =
                        (0..<37).contains(row) ? weight.floats(row, 0..<90) : [Float](repeating: 0, count: 90)
                    #expect(y.row(index).map(\.bitPattern) == expected.map(\.bitPattern))
                }
            }
        }
    }

    @Test func inexactProductsOfManyTokensAreTheProduct() throws {
        for (index, grouping) in Grouping.all.enumerated() where index % 9 == 0 {
            for (rows, columns) in [(37, 33..<2190), (271, 0..<100)] {
                let bench = try Workbench(seed: UInt64(index))
                let weight = GroupedWeight(grouping, rows: rows, columns: columns.upperBound, seed: UInt64(index))
                let w = try weight.matrix(bench, columns: columns)
                let x = try bench.buffer(65, columns.count)
                let weights = (0..<rows).map { weight.floats($0, columns) }
                let inputs = (0..<65).map { x.row($0) }
                for operations in OpenBLASTests.operations(tokens: 65) {
                    let y = try bench.buffer(65, rows, filledWith: .nan)
                    operations.multiply(x, tokens: 65, by: w, into: y)
                    #expect(OpenBLASTests.worstError(y, inputs, weights, bias: nil) <= 1, "\(grouping.name) \(rows)")
                }
            }
        }
    }
}
