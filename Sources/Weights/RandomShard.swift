public import Blueprint
public import Compute
public import Partition

/// One rank's slices of a model whose numbers are drawn at random: for measurements without a checkpoint.
///
/// An element depends on the seed, on its weight and on its place in it, not on how the weight is cut.
public final class RandomShard: Slices {
    /// Nothing is read.
    public let byteCountRead = 0
    private var matrices: [String: Matrix] = [:]
    private var vectors: [String: Vector] = [:]

    /// Draws the slices of a rank, in the plan's encodings; each thread the rows that it will read in products.
    ///
    /// - Parameters:
    ///   - arena: has room for ``byteCount(plan:rank:)``.
    /// - Throws: ``WeightsError/badSlice(location:expected:found:)`` for an encoding that cannot be drawn.
    public init(plan: Plan, rank: Int, arena: Arena, pool: Pool, seed: UInt64) throws {
        for (index, weight) in plan.blueprint.weights.enumerated() {
            let slice = plan.slice(of: weight, rank: rank)
            let numbers = RandomNumbers(seed: seed, weight: index)
            if weight.isVector {
                vectors[weight.name] = try Self.vector(slice, numbers, in: arena)
                continue
            }
            let encoding = plan.encoding(of: weight)
            let matrix = try arena.matrix(
                rows: slice.heldRows, columns: slice.heldColumns, encoding: encoding,
                firstColumn: slice.columns.lowerBound)
            switch encoding {
            case .plain: Self.fill(matrix, slice, of: weight, numbers, pool)
            case .grouped(let grouping):
                throw WeightsError.badSlice(
                    location: "random weights", expected: "f32, bf16 or f16", found: grouping.name)
            }
            matrices[weight.name] = matrix
        }
    }

    public func matrix(_ weight: Weight) -> Matrix {
        guard let matrix = matrices[weight.name] else { preconditionFailure("\(weight.name) is not in the blueprint") }
        return matrix
    }

    public func vector(_ weight: Weight) -> Vector {
        guard let vector = vectors[weight.name] else { preconditionFailure("\(weight.name) is not in the blueprint") }
        return vector
    }

    /// Bytes of an arena that holds a rank's slices.
    public static func byteCount(plan: Plan, rank: Int) -> Int {
        plan.blueprint.weights.reduce(0) { total, weight in
            let slice = plan.slice(of: weight, rank: rank)
            guard !weight.isVector else { return total + Arena.byteCount(vector: slice.heldRows) }
            return total
                + Arena.byteCount(
                    rows: slice.heldRows, columns: slice.heldColumns, encoding: plan.encoding(of: weight),
                    firstColumn: slice.columns.lowerBound)
        }
    }

    /// Rows and columns beyond the slice stay zero: they are the padding of a padded split.
    private static func fill(
        _ matrix: Matrix, _ slice: Slice, of weight: Weight, _ numbers: RandomNumbers, _ pool: Pool
    ) {
        // Sums of so many products have a variance of one where the inputs have.
        let scale = (3 / Float(max(1, weight.columns))).squareRoot()
        pool.run { thread in
            var floats = [Float](repeating: 0, count: matrix.columns)
            for row in pool.rows(matrix.rows, thread: thread) where row < slice.rows.count {
                numbers.draw(row: slice.rows.lowerBound + row, columns: slice.columns, scale: scale, into: &floats)
                matrix.set(row: row, floats: floats)
            }
        }
    }

    /// Numbers around one, as norms have.
    private static func vector(_ slice: Slice, _ numbers: RandomNumbers, in arena: Arena) throws -> Vector {
        let vector = try arena.vector(count: slice.heldRows)
        for row in 0..<slice.rows.count {
            vector[row] = 1 + numbers.number(row: slice.rows.lowerBound + row, column: 0) / 8
        }
        return vector
    }
}

/// Numbers that are told by their place.
struct RandomNumbers: Sendable {
    private let seed: UInt64

    init(seed: UInt64, weight: Int) {
        self.seed = Self.mixed(seed &+ Self.mixed(UInt64(truncatingIfNeeded: weight) &+ 1))
    }

    /// From -1 to 1.
    func number(row: Int, column: Int) -> Float {
        let word = word(rowSeed(row), column / 4)
        return Self.number(word, column % 4)
    }

    /// The numbers of some columns of a row times `scale`, from the start of `floats` on.
    func draw(row: Int, columns: Range<Int>, scale: Float, into floats: inout [Float]) {
        let rowSeed = rowSeed(row)
        var column = columns.lowerBound
        var index = 0
        while column < columns.upperBound {
            let bits = word(rowSeed, column / 4)
            repeat {
                floats[index] = Self.number(bits, column % 4) * scale
                column += 1
                index += 1
            } while column % 4 != 0 && column < columns.upperBound
        }
    }

    private func rowSeed(_ row: Int) -> UInt64 { Self.mixed(seed ^ UInt64(truncatingIfNeeded: row)) }

    /// Four numbers of 16 bits.
    private func word(_ rowSeed: UInt64, _ index: Int) -> UInt64 {
        Self.mixed(rowSeed &+ UInt64(truncatingIfNeeded: index) &* 0x9E37_79B9_7F4A_7C15)
    }

    private static func number(_ word: UInt64, _ index: Int) -> Float {
        Float(Int16(truncatingIfNeeded: word >> (16 * UInt64(index)))) * 0x1p-15
    }

    /// The finaliser of SplitMix64: Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var bits = value
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
