import Blueprint

/// The two ways to cut the heads of an attention, or those with states, and the faster of them.
///
/// Covered heads are those that they read: of an attention the key-value heads.
struct HeadDealing: Hashable {
    /// What the time of the heads depends on.
    struct Shape: Hashable {
        var kind: Axis.Kind
        var heads: Int
        var coveredHeads: Int
        /// Columns of the last projection for each head.
        var headSize: Int
        /// Bytes that a token reads for each head, and writes of its state.
        var headByteCount: Int
        /// Bytes that a token reads for each covered head, its cache at the full context included.
        var coveredByteCount: Int
        /// That of the weight that is split by columns, if that has groups.
        var grouping: Grouping?
        /// Whether zeros follow the columns of a range.
        var isPadded: Bool

        /// Heads that read one covered head.
        var groupSize: Int { heads / coveredHeads }
    }

    /// The rank that takes longest for its share.
    struct Slowest: Hashable {
        var rank: Int
        /// What it reads for a token.
        var byteCount: Int
    }

    let shape: Shape
    /// Heads per rank, cut anywhere.
    let anywhere: StepDealing
    /// Heads per rank, cut on the borders of groups only, each of which reads one covered head.
    let onBorders: StepDealing
    /// The slowest rank when cut anywhere.
    let anywhereSlowest: Slowest
    /// The slowest rank when cut on borders.
    let onBordersSlowest: Slowest
    /// Whether cuts anywhere are the faster; borders are taken where both are as fast.
    let cutsAnywhere: Bool

    init(_ shape: Shape, shares: [Double]) {
        let whole = WholeShares(shares)
        self.shape = shape
        let borders = Borders(shape.grouping, perUnit: shape.headSize, isPadded: shape.isPadded)
        anywhere = StepDealing(shape.heads, borders, shares: whole)
        onBorders = StepDealing(shape.heads, borders.onMultiples(of: shape.groupSize), shares: whole)
        anywhereSlowest = Self.slowest(shape, anywhere.counts, whole)
        onBordersSlowest = Self.slowest(shape, onBorders.counts, whole)
        cutsAnywhere = whole.isSlower(
            onBordersSlowest.byteCount, onBordersSlowest.rank, than: anywhereSlowest.byteCount, anywhereSlowest.rank)
    }

    private static func slowest(_ shape: Shape, _ counts: [Int], _ shares: WholeShares) -> Slowest {
        let bytes = byteCounts(shape, counts)
        let rank = shares.slowest(bytes) ?? 0
        return Slowest(rank: rank, byteCount: bytes[rank])
    }

    /// The faster way.
    var chosen: StepDealing { cutsAnywhere ? anywhere : onBorders }

    /// The chosen ranges of heads.
    var heads: Split { Split(counts: chosen.counts) }

    /// The covered heads that they read.
    var covered: Split { Self.cover(heads, groupSize: shape.groupSize) }

    /// The covered heads that ranges of heads read.
    static func cover(_ heads: Split, groupSize: Int) -> Split {
        Split(
            ranges: heads.ranges.map { range in
                let first = range.lowerBound / groupSize
                return first..<(range.isEmpty ? first : (range.upperBound - 1) / groupSize + 1)
            })
    }

    private static func byteCounts(_ shape: Shape, _ counts: [Int]) -> [Int] {
        let covered = cover(Split(counts: counts), groupSize: shape.groupSize)
        return zip(counts, covered.counts).map { $0 * shape.headByteCount + $1 * shape.coveredByteCount }
    }
}

extension HeadDealing.Shape {
    /// The shape of heads whose weights are in these encodings.
    init(_ cut: CutHeads, _ policy: Policy, _ encodings: [String: Encoding]) {
        func byteCount(_ weights: [Weight]) -> Int {
            weights.reduce(0) { $0 + (encodings[$1.name] ?? .f32).readByteCount($1, $1.elementCount) }
        }
        kind = cut.axis.kind
        heads = cut.axis.count
        coveredHeads = cut.coveredAxis.count
        headSize = cut.columnsPerHead
        headByteCount = byteCount(cut.weights + (policy.way == .sum ? [cut.last] : [])) / heads + cut.stateByteCount
        coveredByteCount = byteCount(cut.coveredWeights) / coveredHeads + cut.coveredStateByteCount
        grouping = policy.grouping(cutByColumns: cut.last, encodings)
        isPadded = policy.cutting == .padded
    }
}

extension Policy {
    /// The groups that cuts between the columns of a last projection have to mind, if there are any.
    func grouping(cutByColumns weight: Weight, _ encodings: [String: Encoding]) -> Grouping? {
        guard way == .sum, case .grouped(let grouping)? = encodings[weight.name] else { return nil }
        return grouping
    }
}

extension Encoding {
    /// Bytes that a token reads of so many elements of a weight: vectors are widened to float32.
    func readByteCount(_ weight: Weight, _ elementCount: Int) -> Int {
        guard !weight.isVector else { return Scalar.f32.byteCount(elementCount) }
        return fileByteCount(rows: 1, columns: 0..<weight.columns) * elementCount / max(1, weight.columns)
    }
}
