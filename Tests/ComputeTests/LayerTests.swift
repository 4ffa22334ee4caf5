import Blueprint
import Compute
import Testing

@Suite struct LayerTests {
    @Test func normsAreTheirDefinitionOnEveryInstructionSet() throws {
        for size in oddLengths {
            let bench = try Workbench(seed: UInt64(size))
            let x = try bench.buffer(3, size, scale: 5)
            let weight = try bench.vector(size)
            let expected = try bench.buffer(3, size)
            reference().normalize(x, tokens: 3, weight: weight, epsilon: 1e-5, into: expected)
            for t in 0..<3 {
                let mean = x.row(t).reduce(0.0) { $0 + Double($1) * Double($1) } / Double(size)
                for k in 0..<size {
                    let exact = Double(x[t, k]) / (mean + 1e-5).squareRoot() * Double(weight[k])
                    #expect(abs(Double(expected[t, k]) - exact) <= 4e-7 * abs(exact))
                }
            }
            for operations in everyOperations(threads: [1]) {
                let y = try bench.buffer(3, size, filledWith: .nan)
                operations.normalize(x, tokens: 3, weight: weight, epsilon: 1e-5, into: y)
                #expect(firstDifference(y.bits, expected.bits) == nil, "\(operations.instructionSet) \(size)")
            }
        }
    }

    @Test func headNormsAreNormsOfEachHeadInPlace() throws {
        let bench = try Workbench()
        let (heads, size, tokens) = (5, 37, 120)
        let weight = try bench.vector(size)
        let x = try bench.buffer(tokens, heads * size + 2)
        let expected = try bench.buffer(1, size)
        for operations in everyOperations() {
            let y = try bench.buffer(tokens, heads * size + 2)
            operations.add(x, to: y, tokens: 0)
            for t in 0..<tokens { for k in 0..<x.columns { y[t, k] = x[t, k] } }
            operations.normalizeHeads(y, tokens: tokens, heads: heads, headSize: size, weight: weight, epsilon: 1e-6)
            for t in stride(from: 0, to: tokens, by: 7) {
                for head in 0..<heads {
                    let piece = x.view(from: t * x.columns + head * size, rows: 1, columns: size)
                    reference().normalize(piece, tokens: 1, weight: weight, epsilon: 1e-6, into: expected)
                    #expect(y.view(from: t * y.columns + head * size, rows: 1, columns: size).bits == expected.bits)
                }
                #expect(y[t, heads * size] == x[t, heads * size])
            }
        }
    }

    @Test(arguments: [2, 6, 16, 32, 34, 66])
    func rotationTurnsPairsAndLeavesTheRest(rotarySize: Int) throws {
        let bench = try Workbench()
        let (heads, size, tokens, pairs) = (7, rotarySize + 3, 90, rotarySize / 2)
        let table = try bench.buffer(100, rotarySize)
        let x = try bench.buffer(tokens, heads * size)
        var results: [[UInt32]] = []
        for operations in everyOperations() {
            let y = try bench.buffer(tokens, heads * size, filledWith: 0)
            operations.add(x, to: y, tokens: tokens)
            operations.rotate(
                y, tokens: tokens, heads: heads, headSize: size, rotarySize: rotarySize, table: table, firstPosition: 9)
            results.append(y.bits)
            for t in stride(from: 0, to: tokens, by: 11) {
                for i in 0..<pairs {
                    let (a, b) = (Double(x[t, 2 * size + i]), Double(x[t, 2 * size + pairs + i]))
                    let (c, s) = (Double(table[t + 9, i]), Double(table[t + 9, pairs + i]))
                    #expect(abs(Double(y[t, 2 * size + i]) - (a * c - b * s)) < 2e-7)
                    #expect(abs(Double(y[t, 2 * size + pairs + i]) - (b * c + a * s)) < 2e-7)
                }
                for i in rotarySize..<size { #expect(y[t, 2 * size + i] == x[t, 2 * size + i]) }
            }
        }
        #expect(results.allSatisfy { firstDifference($0, results[0]) == nil })
    }

    /// Each activation with a gate, or without one, in double precision.
    private static let activations: [(Activation, isGated: Bool, @Sendable (Double) -> Double)] = [
        (.silu, true, { $0 / (1 + exponential(-$0)) }), (.gelu, true, gelu), (.gelu, false, gelu),
        (.squaredReLU, false, { $0 > 0 ? $0 * $0 : 0 }),
    ]

    @Test func theClampedActivationIsItsDefinition() throws {
        let (alpha, limit) = (1.702, 7.0)
        for width in oddLengths {
            let bench = try Workbench(seed: UInt64(width))
            let (gate, up) = (try bench.buffer(3, width, scale: 20), try bench.buffer(3, width, scale: 15))
            let activation = Activation.clampedSwiGLU(alpha: Float(alpha), limit: Float(limit))
            let expected = try bench.buffer(3, width)
            reference().activate(activation, gate: gate, up: up, tokens: 3, into: expected)
            for (index, y) in expected.elements.enumerated() {
                let g = min(Double(gate.elements[index]), limit)
                let u = max(-limit, min(limit, Double(up.elements[index])))
                let exact = (u + 1) * g / (1 + exponential(-Double(Float(alpha)) * g))
                #expect(abs(Double(y) - exact) <= 4e-6 * abs(exact) + 1e-12)
            }
            for operations in everyOperations(threads: [1, 3]) {
                let y = try bench.buffer(3, width, filledWith: .nan)
                operations.activate(activation, gate: gate, up: up, tokens: 3, into: y)
                #expect(firstDifference(y.bits, expected.bits) == nil)
            }
        }
    }

    @Test func gatesMultiplyByTheirSigmoids() throws {
        let bench = try Workbench()
        let (y, gates) = (try bench.buffer(40, 33), try bench.buffer(40, 33, scale: 9))
        let before = y.elements
        reference().scale(y, bySigmoidsOf: gates, tokens: 40)
        for (index, found) in y.elements.enumerated() {
            let exact = Double(before[index]) / (1 + exponential(-Double(gates.elements[index])))
            #expect(abs(Double(found) - exact) <= 1e-6 * abs(exact))
        }
    }

    /// Groups of two heads, of which this rank has the second of one and the first of the next.
    @Test func normsOverGroupsOfHeadsAddTheSquaresOfAll() throws {
        let bench = try Workbench()
        let (heads, size, tokens) = (6, 19, 7)
        let x = try bench.buffer(tokens, heads * size, scale: 3)
        let sums = try bench.buffer(tokens, heads, filledWith: 0)
        let weight = try bench.vector(2 * size)
        reference().sumSquares(x, tokens: tokens, heads: heads, headSize: size, into: sums, at: 0)
        let own = try bench.buffer(tokens, 2 * size)
        reference().copy(x, from: size, tokens: tokens, columns: 2 * size, into: own, column: 0)
        reference().normalize(
            own, tokens: tokens, heads: 2, headSize: size, weight: weight, epsilon: 1e-5, bySquares: sums,
            firstHead: 1, groupSize: 2)
        for token in 0..<tokens {
            for column in 0..<2 * size {
                let group = (1 + column / size) / 2
                let all = x.row(token)[2 * group * size..<2 * (group + 1) * size].map { Double($0) * Double($0) }
                let mean = all.reduce(0, +) / Double(2 * size)
                let exact = Double(x[token, size + column]) / (mean + 1e-5).squareRoot() * Double(weight[column])
                #expect(abs(Double(own[token, column]) - exact) <= 1e-6 * abs(exact))
            }
        }
    }

    private static let gelu: @Sendable (Double) -> Double = { x in
        x / 2 * (1 + tangent((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    }

    @Test(arguments: activations.indices) func activationsAreTheirDefinitionsAndMayOverwriteTheirInput(
        number: Int
    ) throws {
        let (activation, isGated, definition) = Self.activations[number]
        for width in oddLengths + [9000] {
            let bench = try Workbench(seed: UInt64(width))
            let (gate, up) = (try bench.buffer(3, width, scale: 30), try bench.buffer(3, width))
            gate[0, 0] = -200
            let expected = try bench.buffer(3, width)
            let of = isGated ? up : gate
            reference().activate(activation, gate: isGated ? gate : nil, up: of, tokens: 3, into: expected)
            for (index, y) in expected.elements.enumerated() {
                let g = Double(gate.elements[index])
                let exact = definition(g) * (isGated ? Double(up.elements[index]) : 1)
                // A rounding of an exponent of up to 30 is seen thirty times; far below zero 1 + tanh cancels in the
                // definition, not in the kernel.
                let (relative, absolute) = activation == .gelu ? (5e-6, 1e-14) : (5e-7, 0x1p-149)
                #expect(abs(Double(y) - exact) <= relative * abs(exact) + absolute)
            }
            for operations in everyOperations() {
                let y = try bench.buffer(3, width, filledWith: 0)
                operations.add(gate, to: y, tokens: 3)
                operations.activate(activation, gate: isGated ? y : nil, up: isGated ? up : y, tokens: 3, into: y)
                #expect(firstDifference(y.bits, expected.bits) == nil, "\(operations.instructionSet) \(width)")
            }
        }
    }

    @Test func layerNormsAreTheirDefinitionOnEveryInstructionSet() throws {
        for size in oddLengths {
            let bench = try Workbench(seed: UInt64(size))
            let x = try bench.buffer(3, size, scale: 5)
            let (weight, bias) = (try bench.vector(size), try bench.vector(size))
            let expected = try bench.buffer(3, size)
            reference().normalize(x, tokens: 3, weight: weight, bias: bias, epsilon: 1e-5, into: expected)
            for t in 0..<3 {
                let row = x.row(t).map { Double($0) }
                let mean = row.reduce(0, +) / Double(size)
                let variance = row.reduce(0.0) { $0 + ($1 - mean) * ($1 - mean) } / Double(size)
                for k in 0..<size {
                    let normed = (row[k] - mean) / (variance + 1e-5).squareRoot() * Double(weight[k])
                    #expect(abs(Double(expected[t, k]) - normed - Double(bias[k])) <= 2e-5)
                }
            }
            for operations in everyOperations(threads: [1]) {
                let y = try bench.buffer(3, size, filledWith: .nan)
                operations.normalize(x, tokens: 3, weight: weight, bias: bias, epsilon: 1e-5, into: y)
                #expect(firstDifference(y.bits, expected.bits) == nil, "\(operations.instructionSet) \(size)")
            }
        }
    }

    @Test func multiplesAndCapsAreTheirDefinitions() throws {
        for width in oddLengths + [9000] {
            let bench = try Workbench(seed: UInt64(width))
            let (x, start) = (try bench.buffer(2, width, scale: 20), try bench.buffer(2, width))
            var results: [[UInt32]] = []
            for operations in everyOperations() {
                let y = try bench.buffer(2, width, filledWith: 0)
                operations.add(start, to: y, tokens: 2)
                operations.add(x, times: 0.3, to: y, tokens: 2)
                operations.scale(y, by: 1.7, tokens: 2)
                operations.cap(y, at: 2.5, tokens: 2)
                results.append(y.bits)
                for (index, found) in y.elements.enumerated() {
                    let sum = Double(start.elements[index]) + Double(Float(0.3)) * Double(x.elements[index])
                    let exact = 2.5 * tangent(Double(Float(1.7)) * sum / 2.5)
                    #expect(abs(Double(found) - exact) <= 1e-6)
                }
            }
            #expect(results.allSatisfy { firstDifference($0, results[0]) == nil }, "\(width)")
        }
    }

    @Test func sumsAndBiasesAreAdded() throws {
        for width in oddLengths + [9000] {
            let bench = try Workbench(seed: UInt64(width))
            let (x, start) = (try bench.buffer(20, width), try bench.buffer(20, width))
            let bias = try bench.vector(width)
            for operations in everyOperations() {
                let y = try bench.buffer(20, width, filledWith: 0)
                operations.add(start, to: y, tokens: 20)
                operations.add(x, to: y, tokens: 19)
                operations.add(bias: bias, to: y, tokens: 18)
                for (t, k) in [(0, 0), (17, width - 1), (18, width / 2), (19, 0)] {
                    var expected = start[t, k]
                    if t < 19 { expected += x[t, k] }
                    if t < 18 { expected = bias[k] + expected }
                    #expect(y[t, k] == expected)
                }
            }
        }
    }

    @Test func exponentialsAreWithinTwoUnitsOverTheWholeRange() throws {
        let bench = try Workbench()
        // Every 977th float between -104 and 89, and the edges.
        var inputs = stride(from: Float(104).bitPattern, to: 0, by: -977).map { -Float(bitPattern: $0) }
        inputs += stride(from: 0, to: Float(89).bitPattern, by: 977).map { Float(bitPattern: $0) }
        inputs += [0, -0.0, 88.72283, 88.72284, -87.33655, -103.97, -103.98, -104, 1000, -1000, .infinity, -.infinity]
        let x = try bench.buffer(1, inputs.count)
        for (index, input) in inputs.enumerated() { x[0, index] = input }
        let expected = try bench.buffer(1, inputs.count)
        reference().exponentiate(x, tokens: 1, into: expected)
        var worst = 0.0
        for (index, input) in inputs.enumerated() {
            let found = expected[0, index]
            if input > 88.7229 {
                #expect(found == .infinity)
            } else if input < -103.98 {
                #expect(found == 0)
            } else {
                let exact = exponential(Double(input))
                worst = max(worst, abs(Double(found) - exact) / Double(Float(exact).ulp))
            }
        }
        #expect(worst <= 2)
        #expect(expected[0, inputs.firstIndex(of: 0) ?? 0] == 1)
        for operations in everyOperations(threads: [1]) {
            let y = try bench.buffer(1, inputs.count)
            operations.exponentiate(x, tokens: 1, into: y)
            #expect(firstDifference(y.bits, expected.bits) == nil, "\(operations.instructionSet)")
        }
    }

    @Test(arguments: Encoding.allPlain)
    func embeddingsAreTheTablesRowsAndZeroForTokensOfOtherRanks(encoding: Encoding) throws {
        let tokens: [Int32] = [99, 100, 109, 110, -1]
        for columns in oddLengths {
            let bench = try Workbench(seed: UInt64(columns))
            let table = try bench.arena.matrix(rows: 10, columns: columns, encoding: encoding)
            // Eighths below 16 are exact in every encoding.
            let stored = (0..<10).map { _ in bench.numbers(columns).map { ($0 * 127).rounded() / 8 } }
            for row in 0..<10 { table.set(row: row, floats: stored[row]) }
            let zero = [Float](repeating: 0, count: columns)
            for operations in everyOperations(threads: [1]) {
                let y = try bench.buffer(6, columns, filledWith: .nan)
                operations.embed(tokens.span, table: table, firstRow: 100, into: y)
                #expect(
                    (0..<5).map { y.row($0) } == [zero, stored[0], stored[9], zero, zero],
                    "\(operations.instructionSet) \(columns)")
                #expect(y.row(5).allSatisfy { $0.isNaN })
            }
        }
    }

    @Test(arguments: [Encoding.bf16, .f16])
    func everyNarrowNumberIsWidenedAlikeOnEveryInstructionSet(encoding: Encoding) throws {
        let bench = try Workbench()
        let table = try bench.arena.matrix(rows: 1 << 8, columns: 1 << 8, encoding: encoding)
        unsafe table.withRowBytes(0..<table.rows) { bytes, _ in
            for word in 0..<(1 << 16) {
                unsafe bytes.storeBytes(of: UInt16(word), toByteOffset: 2 * word, as: UInt16.self)
            }
        }
        let tokens = (0..<Int32(table.rows)).map { $0 }
        let expected = (UInt16.min...UInt16.max).map { word in
            encoding == .bf16 ? Float(bitPattern: UInt32(word) << 16) : Float(Float16(bitPattern: word))
        }
        for operations in everyOperations(threads: [1]) {
            let y = try bench.buffer(table.rows, table.columns)
            operations.embed(tokens.span, table: table, firstRow: 0, into: y)
            let isAlike = zip(y.elements, expected).allSatisfy { found, wanted in
                wanted.isNaN ? found.isNaN : found.bitPattern == wanted.bitPattern
            }
            #expect(isAlike, "\(operations.instructionSet)")
        }
    }

    @Test func aCopyGoesToItsColumns() throws {
        let bench = try Workbench()
        let (x, y) = (try bench.buffer(3, 4), try bench.buffer(3, 9, filledWith: 7))
        reference().copy(x, tokens: 2, columns: 4, into: y, column: 3)
        #expect(y.row(1) == [7, 7, 7] + x.row(1) + [7, 7])
        #expect(y.row(2) == [Float](repeating: 7, count: 9))
    }

    @Test func nothingIsLegalEverywhere() throws {
        let bench = try Workbench()
        let empty = try bench.buffer(4, 0)
        let none = try bench.vector(0)
        for operations in everyOperations(threads: [1, 3]) {
            operations.normalize(empty, tokens: 4, weight: none, epsilon: 1, into: empty)
            operations.normalizeHeads(empty, tokens: 4, heads: 0, headSize: 0, weight: none, epsilon: 1)
            operations.activate(.silu, gate: empty, up: empty, tokens: 4, into: empty)
            operations.add(empty, to: empty, tokens: 4)
            operations.add(bias: none, to: empty, tokens: 4)
            let table = try bench.matrix(0, 8)
            let y = try bench.buffer(1, 8, filledWith: 3)
            operations.embed([Int32(0)].span, table: table, firstRow: 0, into: y)
            #expect(y.row(0) == [Float](repeating: 0, count: 8))
            #expect(operations.maximum(of: empty, row: 0) == -.infinity)
            #expect(operations.sumOfExponentials(of: empty, row: 0, maximum: 0) == 0)
        }
    }
}
