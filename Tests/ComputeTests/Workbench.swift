import Blueprint
import Compute

/// Memory and numbers for one test, the same numbers every time.
final class Workbench {
    let arena: Arena
    private var state: UInt64

    init(byteCount: Int = 64 << 20, seed: UInt64 = 1) throws {
        arena = try Arena(byteCount: byteCount)
        state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    /// A number in -1..<1, of a xorshift generator.
    func number() -> Float {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Float(Int64(truncatingIfNeeded: state >> 40) - (1 << 23)) / Float(1 << 23)
    }

    func numbers(_ count: Int) -> [Float] { (0..<count).map { _ in number() } }

    /// A buffer of random numbers times `scale`, or of one value.
    func buffer(_ rows: Int, _ columns: Int, scale: Float = 1, filledWith value: Float? = nil) throws -> Buffer {
        let buffer = try arena.buffer(rows: rows, columns: columns)
        buffer.withMutableSpan(rows: rows) { span in
            for index in span.indices { span[index] = value ?? scale * number() }
        }
        return buffer
    }

    func matrix(_ rows: Int, _ columns: Int, _ encoding: Encoding = .f32) throws -> Matrix {
        let matrix = try arena.matrix(rows: rows, columns: columns, encoding: encoding)
        for row in 0..<rows { matrix.set(row: row, floats: numbers(columns)) }
        return matrix
    }

    func vector(_ count: Int) throws -> Vector {
        let vector = try arena.vector(count: count)
        for index in 0..<count { vector[index] = number() }
        return vector
    }
}

extension Buffer {
    /// All elements, row after row.
    var elements: [Float] {
        withSpan(rows: rows) { span in span.indices.map { span[$0] } }
    }

    /// Their bits.
    var bits: [UInt32] { elements.map(\.bitPattern) }

    func row(_ row: Int) -> [Float] { (0..<columns).map { self[row, $0] } }
}

/// Every instruction set of this machine on so many threads.
func everyOperations(threads: [Int] = [1, 2, 3, 5], isExact: Bool = true) -> [Operations] {
    // With AMX they are those of AVX-512, but for fast math.
    InstructionSet.supported.filter { $0 != .amx }.flatMap { set in
        threads.map { Operations(pool: Pool(threads: $0), instructionSet: set, isExact: isExact) }
    }
}

/// The reference: plain C on one thread.
func reference() -> Operations { Operations(pool: Pool(threads: 1), instructionSet: .portable) }

/// Lengths around the sixteen lanes, and longer ones.
let oddLengths = [1, 7, 8, 9, 15, 16, 17, 31, 33, 100, 257]

/// exp in double precision: a Taylor series after halving the argument often enough.
func tangent(_ x: Double) -> Double {
    x.magnitude > 20 ? (x > 0 ? 1 : -1) : 1 - 2 / (1 + exponential(2 * x))
}

/// By its series, of a part of the argument that is small.
func exponential(_ x: Double) -> Double {
    let reduced = x / 4096
    let series = stride(from: 14, to: 0, by: -1).reduce(1.0) { 1 + $0 * reduced / Double($1) }
    return (0..<12).reduce(series) { power, _ in power * power }
}

/// Where two lists of bits part, so that a failure prints an index and not thousands of numbers.
func firstDifference(_ found: [UInt32], _ expected: [UInt32]) -> Int? {
    guard found.count == expected.count else { return min(found.count, expected.count) }
    return zip(found, expected).enumerated().first { $1.0 != $1.1 }?.offset
}
