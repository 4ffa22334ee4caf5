public import Blueprint
public import Compute
public import Partition

/// One rank's slices of a model whose numbers are drawn at random: for measurements without a checkpoint.
///
/// An element depends on the seed, on its weight and on its place in it, not on how the weight is cut.
public final class RandomShard: Slices {
    /// Nothing is read.
    public let byteCountRead = 0
    private var table = SliceTable()

    /// Draws the slices of a rank, in the plan's encodings; each thread the rows that it will read in products.
    ///
    /// - Parameters:
    ///   - arena: has room for ``byteCount(plan:rank:)``.
    /// - Throws: `ComputeError.arenaFull` where it has not.
    public init(plan: Plan, rank: Int, arena: Arena, pool: Pool, seed: UInt64) throws(ComputeError) {
        for (index, weight) in plan.blueprint.weights.enumerated() {
            let slices = plan.memberSlices(of: weight, rank: rank)
            let numbers = RandomNumbers(seed: seed, weight: index)
            if weight.isVector {
                table.vectors[weight.name] = try slices.map { slice throws(ComputeError) in
                    try Self.vector(slice, numbers, in: arena)
                }
                continue
            }
            let encoding = plan.encoding(of: weight)
            table.matrices[weight.name] = try slices.map { slice throws(ComputeError) in
                let matrix = try arena.matrix(
                    rows: slice.heldRows, columns: slice.heldColumns, encoding: encoding,
                    firstColumn: slice.columns.lowerBound)
                switch encoding {
                case .plain: Self.fill(matrix, slice, of: weight, numbers, pool)
                case .grouped(let grouping):
                    let rows = RandomRows(grouping, columns: weight.columns, numbers)
                    Self.pack(matrix, slice, rows, pool)
                }
                return matrix
            }
        }
    }

    /// The slice of a weight of two dimensions, in the plan's encoding.
    public func matrix(_ weight: Weight) -> Matrix { table.matrix(weight) }

    /// The slices of a weight of several members, of those that the rank holds.
    public func matrices(_ weight: Weight) -> [Matrix] { table.matrices(weight) }

    /// The slice of a weight of one dimension, in float32.
    public func vector(_ weight: Weight) -> Vector { table.vector(weight) }

    /// The slices of a weight of several members of one dimension, of those that the rank holds.
    public func vectors(_ weight: Weight) -> [Vector] { table.vectors(weight) }

    /// Bytes of an arena that holds a rank's slices.
    public static func byteCount(plan: Plan, rank: Int) -> Int {
        plan.blueprint.weights.reduce(0) {
            $0 + plan.arenaByteCount(of: $1, rank: rank, encoding: plan.encoding(of: $1))
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
            for row in matrix.rows(ofThread: thread, of: pool.threads) where row < slice.rows.count {
                numbers.draw(row: slice.rows.lowerBound + row, columns: slice.columns, scale: scale, into: &floats)
                matrix.set(row: row, floats: floats)
            }
        }
    }

    private static func pack(_ matrix: Matrix, _ slice: Slice, _ rows: RandomRows, _ pool: Pool) {
        pool.run { thread in
            let own = matrix.rows(ofThread: thread, of: pool.threads).clamped(to: 0..<slice.rows.count)
            for row in stride(from: own.lowerBound, to: own.upperBound, by: Grouping.panelRows) {
                let count = min(Grouping.panelRows, own.upperBound - row)
                let first = slice.rows.lowerBound + row
                rows.withParts(rows: first..<first + count, columns: slice.columns) { matrix.pack($0, at: row) }
            }
        }
    }

    /// Numbers around one, as norms have.
    private static func vector(
        _ slice: Slice, _ numbers: RandomNumbers, in arena: Arena
    ) throws(ComputeError) -> Vector {
        let vector = try arena.vector(count: slice.heldRows)
        for row in 0..<slice.rows.count {
            vector[row] = 1 + numbers.number(row: slice.rows.lowerBound + row, column: 0) / 8
        }
        return vector
    }
}
