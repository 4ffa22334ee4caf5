import Blueprint

/// The two ways to cut the query heads of an attention, and the faster of them.
struct HeadDealing: Hashable {
    /// What the time of an attention depends on.
    struct Shape: Hashable {
        var heads: Int
        var keyValueHeads: Int
        var headSize: Int
        /// Bytes that a token reads for each query head.
        var queryByteCount: Int
        /// Bytes that a token reads for each key-value head, its cache at the full context included.
        var keyValueByteCount: Int
    }

    let shape: Shape
    /// Query heads per rank, cut anywhere.
    let anywhere: [Int]
    /// Query heads per rank, cut on the borders of key-value groups only.
    let onBorders: [Int]
    /// What the slowest rank reads, cut anywhere.
    let anywhereByteCount: Int
    /// What the slowest rank reads, cut on borders.
    let onBordersByteCount: Int
    /// Whether cuts anywhere are the faster; borders are taken where both are as fast.
    let cutsAnywhere: Bool

    init(_ shape: Shape, shares: [Double]) {
        let whole = WholeShares(shares)
        let groupSize = shape.heads / shape.keyValueHeads
        self.shape = shape
        anywhere = Dealing.deal(shape.heads, to: whole)
        onBorders = Dealing.deal(shape.keyValueHeads, to: whole).map { $0 * groupSize }
        let anywhereBytes = Self.byteCounts(shape, anywhere)
        let onBordersBytes = Self.byteCounts(shape, onBorders)
        let slowestAnywhere = whole.slowest(anywhereBytes) ?? 0
        let slowestOnBorders = whole.slowest(onBordersBytes) ?? 0
        anywhereByteCount = anywhereBytes[slowestAnywhere]
        onBordersByteCount = onBordersBytes[slowestOnBorders]
        cutsAnywhere = whole.isSlower(
            onBordersByteCount, slowestOnBorders, than: anywhereByteCount, slowestAnywhere)
    }

    /// The chosen ranges of query heads.
    var queries: Split { Split(counts: cutsAnywhere ? anywhere : onBorders) }

    /// The key-value heads that they read.
    var keyValues: Split { Self.cover(queries, groupSize: shape.heads / shape.keyValueHeads) }

    /// The key-value heads that ranges of query heads read.
    static func cover(_ queries: Split, groupSize: Int) -> Split {
        Split(
            ranges: queries.ranges.map { range in
                let first = range.lowerBound / groupSize
                return first..<(range.isEmpty ? first : (range.upperBound - 1) / groupSize + 1)
            })
    }

    private static func byteCounts(_ shape: Shape, _ counts: [Int]) -> [Int] {
        let queries = Split(counts: counts)
        let keyValues = cover(queries, groupSize: shape.heads / shape.keyValueHeads)
        return zip(queries.counts, keyValues.counts).map {
            $0 * shape.queryByteCount + $1 * shape.keyValueByteCount
        }
    }
}

extension HeadDealing.Shape {
    /// The shape of an attention whose weights are in these encodings.
    init(_ attention: Attention, _ policy: Policy, _ encodings: [String: Encoding]) {
        func byteCount(_ weights: [Weight]) -> Int {
            weights.reduce(0) { $0 + (encodings[$1.name] ?? .f32).memoryByteCount($1, $1.elementCount) }
        }
        let output = policy.way == .sum ? [attention.output.weight] : []
        let positions = min(policy.context, attention.window ?? policy.context)
        heads = attention.heads
        keyValueHeads = attention.keyValueHeads
        headSize = attention.headSize
        queryByteCount = byteCount(attention.query.weights + output) / heads
        keyValueByteCount =
            byteCount(attention.key.weights + attention.value.weights) / keyValueHeads
            + 2 * Encoding.f32.byteCount(positions * attention.headSize)
    }
}

extension Encoding {
    /// Bytes of elements of a weight in memory: vectors are widened to float32.
    func memoryByteCount(_ weight: Weight, _ elementCount: Int) -> Int {
        (weight.isVector ? .f32 : self).byteCount(elementCount)
    }
}
