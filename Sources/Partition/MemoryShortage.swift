public import Blueprint

/// A rank that would need more memory than it may use, and plans that would fit.
public struct MemoryShortage: Sendable, Hashable {
    /// The first rank that does not fit.
    public var rank: Int
    /// What it would hold.
    public var needed: Holdings
    /// Bytes that it may use.
    public var limit: Int
    /// The axis with the most units.
    public var axis: Axis
    /// The rank's range of it.
    public var range: Range<Int>
    /// The longest context that fits with the same shares, or where no shares were asked for with any.
    public var longestContext: Int?
    /// Shares in proportion to memory that fit at the same context.
    public var fittingShares: [Double]?
    /// Whether weights are drawn at random, and those of a smaller encoding or shape may be drawn as well.
    public var drawsWeights = false
    /// Fewer tokens of a prompt in one forward pass that fit at the same context with the same shares.
    public var fittingChunk: Int?
    /// Where neither helps alone: shares in proportion to memory, and the longest context that fits with them.
    public var fittingBoth: Both?

    /// The largest smaller encoding that fits at the same context.
    public var fittingEncoding: SmallerEncoding?

    /// A smaller encoding of the matrices.
    public struct SmallerEncoding: Sendable, Hashable {
        /// `q8` or `q4`, as options name it.
        public var name: String
        /// Shares with which it fits; nil for the same.
        public var shares: [Double]?
        /// Whether matrices are integers already: an import rounds only those of a checkpoint that has none.
        public var needsPlainCheckpoint = false
    }

    /// Shares and a context that fit together.
    public struct Both: Sendable, Hashable {
        /// In proportion to memory.
        public var shares: [Double]
        /// The longest that fits.
        public var context: Int
    }

    /// Bytes that are missing.
    public var missingByteCount: Int { needed.peakByteCount - limit }
}

extension MemoryShortage: CustomStringConvertible {
    /// `where: expected, found; what to do`.
    public var description: String {
        "rank \(rank): expected to fit in \(Figure.bytes(limit)), found \(Figure.bytes(needed.peakByteCount)) to hold, "
            + "\(Figure.bytes(missingByteCount)) too much (\(parts); "
            + "\(range.count) of \(axis.count) units of \(axis)); \(advice)"
    }

    /// What it would hold, part by part.
    var parts: String {
        "weights \(Figure.bytes(needed.weightByteCount)), cache \(Figure.bytes(needed.cacheByteCount)), "
            + "buffers \(Figure.bytes(needed.workspaceByteCount))"
    }

    private var advice: String {
        let context = longestContext.map { "--context \($0)" }
        let shares = fittingShares.map { "--shares \(Figure.shares($0))" }
        let both = fittingBoth.map { "--shares \(Figure.shares($0.shares)) --context \($0.context)" }
        let chunk = fittingChunk.map { "--chunk \($0)" }
        let encoding = fittingEncoding.map { fitting in
            (fitting.shares.map { "--shares \(Figure.shares($0)) and " } ?? "")
                + (drawsWeights ? "" : "a model imported with ") + "--encoding \(fitting.name)"
                + (fitting.needsPlainCheckpoint && !drawsWeights ? " from a checkpoint in bf16" : "")
        }
        let smallerShape = drawsWeights ? "a smaller shape" : nil
        let ways = [context, shares, both, chunk, encoding].compactMap { $0 }
        return ways.isEmpty
            ? "no context fits, nor do other shares, a smaller --chunk or q4: add a machine"
                + (smallerShape.map { " or use \($0)" } ?? "")
            : "use " + (ways + [smallerShape].compactMap { $0 }).joined(separator: " or ")
    }
}
