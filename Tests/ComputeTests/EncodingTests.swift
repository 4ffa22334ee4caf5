import Blueprint
import Compute
import Testing

/// What a 16-bit pattern stands for, by the language's own half type and by the definition of bf16.
private func meaning(_ pattern: UInt16, _ encoding: Encoding) -> Float {
    switch encoding {
    case .f16: Float(Float16(bitPattern: pattern))
    default: Float(bitPattern: UInt32(pattern) << 16)
    }
}

@Suite struct EncodingTests {
    @Test(arguments: [Encoding.bf16, .f16])
    func everyPatternIsWidenedExactly(encoding: Encoding) throws {
        let matrix = try Workbench().arena.matrix(rows: 1, columns: 1 << 16, encoding: encoding)
        unsafe matrix.withRowBytes(0..<1) { bytes, _ in
            for pattern in 0...UInt16.max {
                unsafe bytes.storeBytes(of: pattern, toByteOffset: 2 * Int(pattern), as: UInt16.self)
            }
        }
        for (pattern, float) in zip(0...UInt16.max, matrix.floats(row: 0)) {
            let expected = meaning(pattern, encoding)
            #expect(float.bitPattern == expected.bitPattern || (float.isNaN && expected.isNaN), "\(pattern)")
        }
    }

    @Test(arguments: [Encoding.bf16, .f16])
    func everyPatternComesThroughAProduct(encoding: Encoding) throws {
        let bench = try Workbench()
        let matrix = try bench.arena.matrix(rows: 1 << 16, columns: 32, encoding: encoding)
        unsafe matrix.withRowBytes(0..<1 << 16) { bytes, stride in
            for pattern in 0...Int(UInt16.max) {
                unsafe bytes.storeBytes(
                    of: UInt16(pattern), toByteOffset: pattern * stride + 2 * (pattern % 32), as: UInt16.self)
            }
        }
        for tokens in [1, 13] {
            let ones = try bench.buffer(tokens, 32, filledWith: 1)
            let y = try bench.buffer(tokens, 1 << 16)
            for operations in everyOperations(threads: [1]) {
                operations.multiply(ones, tokens: tokens, by: matrix, into: y)
                for pattern in 0...Int(UInt16.max) {
                    let (found, expected) = (y[tokens - 1, pattern], meaning(UInt16(pattern), encoding))
                    // A sum that starts from zero has no negative zero.
                    guard found == expected || (found.isNaN && expected.isNaN) else {
                        Issue.record("\(operations.instructionSet) \(pattern): \(found), expected \(expected)")
                        return
                    }
                }
            }
        }
    }

    @Test func narrowingRoundsToTheNearestTiesToEven() throws {
        let bench = try Workbench(seed: 5)
        var floats = bench.numbers(4000).enumerated().map { index, x in
            x * Float(sign: .plus, exponent: index % 60 - 40, significand: 1)
        }
        // Ties, the edges of subnormals and of overflow, and what is not a number.
        for pattern in stride(from: UInt32(0x3300_0000), to: 0x4780_3000, by: 0x1000) {
            floats.append(Float(bitPattern: pattern))
        }
        for pattern in stride(from: UInt32(0), to: 0x7F80_0000, by: 0x7FF8000 >> 8) {
            floats.append(-Float(bitPattern: pattern))
        }
        floats += [0, -0.0, .infinity, -.infinity, .nan, 65504, 65519.99, 65520, .greatestFiniteMagnitude]
        let half = try bench.arena.matrix(rows: 1, columns: floats.count, encoding: .f16)
        half.set(row: 0, floats: floats)
        let brain = try bench.arena.matrix(rows: 1, columns: floats.count, encoding: .bf16)
        brain.set(row: 0, floats: floats)
        for (float, (h, b)) in zip(floats, zip(half.floats(row: 0), brain.floats(row: 0))) {
            if float.isNaN {
                #expect(h.isNaN && b.isNaN)
                continue
            }
            #expect(h.bitPattern == Float(Float16(float)).bitPattern, "\(float)")
            #expect(b.bitPattern == nearestBrain(float).bitPattern, "\(float)")
        }
    }

    /// The nearer of the two bf16 neighbours; of equally near ones that with an even last bit.
    private func nearestBrain(_ float: Float) -> Float {
        guard float.isFinite else { return float }
        let below = float.bitPattern >> 16
        let (low, high) = (Float(bitPattern: below << 16), Float(bitPattern: (below + 1) << 16))
        // Past the greatest finite value, the next step of the same size stands for infinity.
        let step = high.isFinite ? Double(high) : 2 * Double(low) - Double(Float(bitPattern: (below - 1) << 16))
        let (down, up) = (abs(Double(float) - Double(low)), abs(step - Double(float)))
        return down < up || (down == up && below % 2 == 0) ? low : high
    }

    @Test(arguments: Encoding.allPlain)
    func whatIsSetComesBack(encoding: Encoding) throws {
        for columns in oddLengths {
            let matrix = try Workbench().arena.matrix(rows: 3, columns: columns, encoding: encoding)
            let floats = (0..<columns).map { Float($0 % 64) - 20.5 }
            matrix.set(row: 1, floats: floats)
            #expect(matrix.floats(row: 1) == floats)
            #expect(matrix.floats(row: 0) == [Float](repeating: 0, count: columns))
            #expect(matrix.floats(row: 2) == [Float](repeating: 0, count: columns))
        }
    }
}
