public import Blueprint

extension Plan {
    /// The plan for equal shares, or where these do not fit the memory of some rank, for shares that follow memory.
    ///
    /// - Parameters:
    ///   - policy: as for ``init(_:policy:encoding:)``, with equal shares.
    ///   - encoding: how each weight is stored.
    /// - Throws: ``PartitionError`` for what cannot work, with the nearest plan that would.
    public init(
        byMemory blueprint: Blueprint, policy: Policy, encoding: (Weight) -> Encoding
    ) throws(PartitionError) {
        do {
            try self.init(blueprint, policy: policy, encoding: encoding)
        } catch {
            guard case .memory(var shortage) = error else { throw error }
            guard let shares = shortage.fittingShares else {
                let encodings = Dictionary(blueprint.weights.map { ($0.name, encoding($0)) }) { first, _ in first }
                shortage.lengthenContext(Plan(unchecked: blueprint, policy, encodings))
                throw .memory(shortage)
            }
            var moved = policy
            moved.shares = shares
            try self.init(blueprint, policy: moved, encoding: encoding)
            refusedEqualShares = shortage
        }
    }

    /// Why shares follow memory and are not equal, where that is so, in a sentence.
    public var memoryRemark: String? {
        refusedEqualShares.map { shortage in
            "shares follow memory ("
                + (0..<rankCount).map { Figure.percent(shareAsked(rank: $0)) }.joined(separator: ", ")
                + "), because with equal shares rank \(shortage.rank) would hold "
                + "\(Figure.bytes(shortage.needed.peakByteCount)) (\(shortage.parts)), "
                + "\(Figure.bytes(shortage.missingByteCount)) more than the \(Figure.bytes(shortage.limit)) "
                + "that it may use"
        }
    }

    /// The bytes that each rank may use; nil where that is unknown.
    func memoryLimits(_ needed: [Int]) -> [Int?] { policy.memoryLimits(needed: needed) }

    /// The bytes that each rank may use where all need the same, so that those of a host divide it equally; of one
    /// without limit ``unlimitedByteCount``.
    var capacities: [Double] {
        memoryLimits(Array(repeating: 1, count: rankCount)).map { Double($0 ?? Self.unlimitedByteCount) }
    }

    /// What stands for no limit where figures are compared: more than any machine has.
    static let unlimitedByteCount = 1 << 60

    /// What each rank holds at its peak.
    var peakByteCounts: [Int] { (0..<rankCount).map { holdings(rank: $0).peakByteCount } }

    func checkMemory() throws(PartitionError) {
        guard let (rank, limit) = firstRankOverItsLimit, let axis = workAxes.first else { return }
        var shortage = MemoryShortage(
            rank: rank, needed: holdings(rank: rank), limit: limit, axis: axis, range: split(of: axis)[rank],
            longestContext: longestFittingContext, fittingShares: fittingShares,
            drawsWeights: policy.drawsWeights, fittingChunk: largestFittingChunk)
        addEncoding(to: &shortage)
        if shortage.longestContext == nil, shortage.fittingShares == nil {
            if let shares = changed({ $0.context = 1 }).fittingShares {
                let plan = changed { $0.shares = shares }
                shortage.fittingBoth = plan.longestFittingContext.map {
                    MemoryShortage.Both(shares: shares, context: $0)
                }
            }
        }
        throw .memory(shortage)
    }

    var firstRankOverItsLimit: (rank: Int, limit: Int)? {
        guard policy.hasMemoryLimits else { return nil }
        let peaks = peakByteCounts
        for (rank, (peak, limit)) in zip(peaks, memoryLimits(peaks)).enumerated() {
            if let limit, peak > limit { return (rank, limit) }
        }
        return nil
    }

    /// The largest power of two below the chunk asked for that fits at the same context with the same shares; nil for
    /// less than 16 tokens, for so few of which the weights are hardly read less often than for one.
    private var largestFittingChunk: Int? {
        (4..<Int.bitWidth - 1).reversed().map { 1 << $0 }.first { chunk in
            chunk < policy.chunk && changed { $0.chunk = chunk }.firstRankOverItsLimit == nil
        }
    }

    /// The longest context below the one asked for that fits with the same shares, found by trying.
    private var longestFittingContext: Int? {
        func fits(_ context: Int) -> Bool { changed { $0.context = context }.firstRankOverItsLimit == nil }
        guard fits(1) else { return nil }
        var (longest, tooLong) = (1, policy.context)
        while tooLong - longest > 1 {
            let middle = longest + (tooLong - longest) / 2
            if fits(middle) { longest = middle } else { tooLong = middle }
        }
        return longest
    }

    /// Shares that follow memory with which the same plan fits, if any are found.
    fileprivate var fittingShares: [Double]? {
        var search = MemorySearch(self)
        return search.shares()
    }

    /// The largest smaller encoding that fits, with the same shares or, where this one fits with none, with others.
    private func addEncoding(to shortage: inout MemoryShortage) {
        for bits in [8, 4] {
            guard let plan = smaller(bits: bits) else { continue }
            let isFitting = plan.firstRankOverItsLimit == nil
            let shares = isFitting || shortage.fittingShares != nil ? nil : plan.fittingShares
            guard isFitting || shares != nil else { continue }
            shortage.fittingEncoding = MemoryShortage.SmallerEncoding(
                name: "q\(bits)", shares: shares, needsPlainCheckpoint: encodings.values.contains { $0.isGrouped })
            return
        }
    }

    /// The same plan with matrices of integers in groups of 32; nil where that makes none of them smaller.
    private func smaller(bits: Int) -> Plan? {
        guard let grouping = Grouping(bits: bits, size: 32, scale: .f16, hasOffsets: false) else { return nil }
        var encodings = encodings
        for weight in weights where !weight.isVector && !weight.isSensitive && encoding(of: weight).bits > bits {
            encodings[weight.name] = .grouped(grouping)
        }
        return encodings == self.encodings ? nil : Plan(unchecked: blueprint, policy, encodings)
    }
}

extension MemoryShortage {
    /// A context is the longest where one longer by this part of it is too long.
    private static let contextSteps = 64

    /// Notes the longest context that fits where shares may change with it.
    ///
    /// - Parameter plan: the one that does not fit.
    fileprivate mutating func lengthenContext(_ plan: Plan) {
        // Where both are nil, the shortest fits with none.
        guard longestContext != nil || fittingBoth != nil else { return }
        func fits(_ context: Int) -> Bool {
            let shorter = plan.changed { $0.context = context }
            return shorter.firstRankOverItsLimit == nil || shorter.fittingShares != nil
        }
        // A search that finds nothing takes long: of large contexts the last bits are not worth one each.
        var (longest, tooLong) = (longestContext ?? 1, plan.policy.context)
        if let known = fittingBoth?.context, known > longest, fits(known) { longest = known }
        while 2 * longest < tooLong, fits(2 * longest) { longest *= 2 }
        tooLong = min(tooLong, 2 * longest)
        while tooLong - longest > max(1, longest / Self.contextSteps) {
            let middle = longest + (tooLong - longest) / 2
            if fits(middle) { longest = middle } else { tooLong = middle }
        }
        longestContext = longest
        fittingBoth = nil
    }
}

extension Encoding {
    /// Bits of a number, without scales and offsets.
    fileprivate var bits: Int {
        switch self {
        case .plain(let scalar): 8 * scalar.bytesPerElement
        case .grouped(let grouping): grouping.bits
        }
    }
}
