import Compute
import Testing

@Suite struct PackingTests {
    static let lengths = [0, 1, 7, 31, 32, 33, 160, 1000]

    /// Floats of many sizes and both signs, zeros and subnormals among them.
    static func values(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { index in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let mantissa = Float(state >> 40) / Float(1 << 24) + 1
            let value = Float(
                sign: state >> 20 & 1 == 0 ? .plus : .minus, exponent: Int(state >> 30 & 15) - 8,
                significand: mantissa)
            return index % 13 == 5 ? 0 : index % 17 == 3 ? 1000 * .leastNonzeroMagnitude : value
        }
    }

    /// The nearest bf16, ties to even, found by comparing both neighbours.
    static func nearest(_ value: Float) -> Float {
        let below = Float(bitPattern: value.bitPattern & 0xFFFF_0000)
        let above = Float(bitPattern: (value.bitPattern & 0xFFFF_0000) &+ 0x1_0000)
        let (down, up) = (abs(Double(value) - Double(below)), abs(Double(above) - Double(value)))
        return down == up ? (below.bitPattern >> 16 & 1 == 0 ? below : above) : down < up ? below : above
    }

    /// Packs vectors and adds them, from and to places that are not aligned.
    static func sum(
        _ vectors: [[Float]], _ packing: Packing, _ instructionSet: InstructionSet, threads: Int
    ) throws -> [Float] {
        let operations = Operations(pool: Pool(threads: threads), instructionSet: instructionSet)
        let count = vectors[0].count
        let blocks = (count + 31) / 32 + 1
        let arena = try Arena(byteCount: 1 << 20)
        let input = try arena.buffer(rows: 1, columns: count + 1)
        let packed = try arena.buffer(rows: vectors.count, columns: blocks * packing.blockWords)
        for (place, vector) in vectors.enumerated() {
            for (index, value) in vector.enumerated() { input[0, index + 1] = value }
            let target = packed.rows(place..<place + 1).view(rows: blocks, columns: packing.blockWords)
            operations.pack(input.view(from: 1, rows: 1, columns: count), as: packing, into: target)
        }
        let output = try arena.buffer(rows: 1, columns: count + 2)
        output[0, count + 1] = 77
        operations.addPacked(packed, as: packing, into: output.view(from: 1, rows: 1, columns: count))
        #expect(output[0, count + 1] == 77)
        return (0..<count).map { output[0, $0 + 1] }
    }

    @Test func bfloatsAreTheNearestAndAreAddedInOrder() throws {
        for count in Self.lengths {
            let vectors = (0..<3).map { Self.values(count, seed: UInt64(100 * count + $0)) }
            let expected = (0..<count).map { index in
                vectors.dropFirst().reduce(Self.nearest(vectors[0][index])) { $0 + Self.nearest($1[index]) }
            }
            #expect(try Self.sum(vectors, .bf16, .portable, threads: 1).map(\.bitPattern) == expected.map(\.bitPattern))
        }
    }

    @Test func bytesAreOffByAtMostHalfAStepAndTheGreatestIsKept() throws {
        for count in Self.lengths where count > 0 {
            let vector = Self.values(count, seed: UInt64(count))
            let found = try Self.sum([vector], .q8, .portable, threads: 1)
            for start in stride(from: 0, to: count, by: 32) {
                let block = start..<min(start + 32, count)
                let greatest = Double(block.map { abs(vector[$0]) }.max() ?? 0)
                for index in block {
                    let error = abs(Double(found[index]) - Double(vector[index]))
                    #expect(error <= greatest / 254 * (1 + 1e-5), "\(count), \(index)")
                    if abs(Double(vector[index])) == greatest { #expect(error <= greatest * 1e-6) }
                }
            }
        }
    }

    @Test func addedBytesAreTheSumOfEachAlone() throws {
        let vectors = (0..<5).map { Self.values(500, seed: UInt64(7 + $0)) }
        let alone = try vectors.map { try Self.sum([$0], .q8, .portable, threads: 1) }
        let expected = (0..<500).map { index in alone.dropFirst().reduce(alone[0][index]) { $0 + $1[index] } }
        #expect(try Self.sum(vectors, .q8, .portable, threads: 1) == expected)
    }

    @Test(arguments: Packing.allCases) func allInstructionSetsAndThreadsGiveTheSameBits(packing: Packing) throws {
        for count in Self.lengths + [20_000] {
            let vectors = (0..<3).map { Self.values(count, seed: UInt64(31 * count + $0)) }
            let expected = try Self.sum(vectors, packing, .portable, threads: 1).map(\.bitPattern)
            for instructionSet in InstructionSet.supported {
                for threads in [1, 3] {
                    let found = try Self.sum(vectors, packing, instructionSet, threads: threads)
                    #expect(found.map(\.bitPattern) == expected, "\(instructionSet), \(threads) threads, \(count)")
                }
            }
        }
    }

    @Test(arguments: Packing.allCases) func whatIsNotFiniteStaysSo(packing: Packing) throws {
        for bad in [Float.nan, .infinity, -.infinity] {
            var vector = [Float](repeating: 1, count: 96)
            vector[40] = bad
            for instructionSet in InstructionSet.supported {
                let found = try Self.sum([vector, vector], packing, instructionSet, threads: 1)
                #expect(!found[40].isFinite)
                #expect(found[..<32].allSatisfy { $0 == 2 } && found[64...].allSatisfy { $0 == 2 })
            }
        }
    }

    @Test func theSmallestAndTheGreatestFloatsArePackedWithoutOverflow() throws {
        for size in [Float.leastNonzeroMagnitude, .leastNormalMagnitude, 1e-31, 1e-29, 1, .greatestFiniteMagnitude] {
            let vector = (0..<32).map { size * (Float($0 - 16) / 16) }
            let found = try Self.sum([vector], .q8, .portable, threads: 1)
            let least = Double(Float(sign: .plus, exponent: -100, significand: 1))
            for (own, exact) in zip(found, vector) {
                #expect(abs(Double(own) - Double(exact)) <= max(Double(size) / 254 * (1 + 1e-5), least))
            }
        }
    }
}
