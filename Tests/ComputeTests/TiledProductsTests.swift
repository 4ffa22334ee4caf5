import Blueprint
import Compute
import Testing

/// Products of so many tokens, rows and columns that instruction sets with tiles use more than one of everything.
@Suite struct TiledProductsTests {
    /// Some rows past whole tiles; columns of one block of tiles, of two with a short group; more tokens than few rows
    /// lay out at once, and than any do.
    @Test(arguments: [(37, 64, 265), (16, 2048, 37), (37, 2051, 39), (3, 9001, 266), (1061, 2051, 265)])
    func plainProductsHaveTheReferencesBits(rows: Int, columns: Int, tokens: Int) throws {
        for encoding in Encoding.allPlain {
            let bench = try Workbench(byteCount: 64 << 20, seed: UInt64(columns))
            let w = try bench.matrix(rows, columns, encoding)
            let bias = try bench.vector(rows)
            let x = try bench.buffer(tokens, columns)
            let expected = try bench.buffer(tokens, rows)
            reference().multiply(x, tokens: tokens, by: w, bias: bias, into: expected)
            for operations in everyOperations(threads: [1, 3]) {
                let y = try bench.buffer(tokens, rows, filledWith: .nan)
                operations.multiply(x, tokens: tokens, by: w, bias: bias, into: y)
                #expect(
                    firstDifference(y.bits, expected.bits) == nil, "\(operations.instructionSet) \(encoding)")
            }
        }
    }

    @Test func groupedProductsHaveTheReferencesBitsWhereverTheirColumnsBegin() throws {
        for (index, grouping) in Grouping.all.enumerated() {
            let bench = try Workbench(byteCount: 16 << 20, seed: UInt64(index))
            let weight = GroupedWeight(grouping, rows: 37, columns: 2400, seed: UInt64(index))
            for columns in [0..<2048, 24..<2391] {
                let w = try weight.matrix(bench, columns: columns)
                // The fewest that tiles take, and some that more tiles share unequally.
                for tokens in [8, 9, 41] {
                    let x = try bench.buffer(tokens, columns.count)
                    let expected = try bench.buffer(tokens, 37)
                    reference().multiply(x, tokens: tokens, by: w, into: expected)
                    for operations in everyOperations(threads: [2]) {
                        let y = try bench.buffer(tokens, 37, filledWith: .nan)
                        operations.multiply(x, tokens: tokens, by: w, into: y)
                        #expect(firstDifference(y.bits, expected.bits) == nil, "\(grouping.name) \(columns) \(tokens)")
                    }
                }
            }
        }
    }

    /// Columns that there are none of, and that would begin inside a block: their panels have no bytes.
    @Test func groupedProductsOverNoColumnsAreZero() throws {
        for grouping in Grouping.all {
            let bench = try Workbench(byteCount: 1 << 20)
            let w = try bench.arena.matrix(rows: 37, columns: 0, encoding: .grouped(grouping), firstColumn: 8)
            let bias = try bench.vector(37)
            let x = try bench.buffer(40, 0)
            for operations in everyOperations(threads: [1, 2]) {
                let y = try bench.buffer(40, 37, filledWith: .nan)
                operations.multiply(x, tokens: 40, by: w, into: y)
                #expect(y.elements.allSatisfy { $0 == 0 }, "\(operations.instructionSet) \(grouping.name)")
                operations.multiply(x, tokens: 40, by: w, bias: bias, into: y)
                #expect((0..<40).allSatisfy { y.row($0) == (0..<37).map { bias[$0] } })
            }
            #expect(w.floats(row: 36).isEmpty)
        }
    }

    /// Three products of one input, of different encodings, for more tokens than are laid out at a time.
    @Test func productsOfOneInputKeepApart() throws {
        let bench = try Workbench(byteCount: 16 << 20)
        let matrices = try [bench.matrix(20, 100, .bf16), bench.matrix(33, 100, .f32), bench.matrix(5, 100, .f16)]
        let tokens = 300
        let x = try bench.buffer(tokens, 100)
        let expected = try matrices.map { matrix in
            let y = try bench.buffer(tokens, matrix.rows)
            reference().multiply(x, tokens: tokens, by: matrix, into: y)
            return y
        }
        for operations in everyOperations(threads: [1, 2]) {
            let results = try matrices.map { try bench.buffer(tokens, $0.rows, filledWith: .nan) }
            operations.multiply(
                x, tokens: tokens, Product(matrices[0], into: results[0]), Product(matrices[1], into: results[1]),
                Product(matrices[2], into: results[2]))
            for (result, right) in zip(results, expected) {
                #expect(firstDifference(result.bits, right.bits) == nil, "\(operations.instructionSet)")
            }
        }
    }
}
