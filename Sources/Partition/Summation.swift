import Blueprint

/// How one vector is summed over ranks, so that all hold the same bits afterwards.
public struct Summation: Sendable, Hashable {
    /// Who adds what.
    public enum Route: Sendable, Hashable {
        /// Vectors of float32 are added: one all-reduce.
        case reduced
        /// Every rank gets the packed vectors of all and adds them in rank order: one all-gather.
        case gathered
        /// Every rank gets its part of the packed vectors of all, adds them in rank order and packs the sum; then all
        /// get the sums: one all-to-all and one all-gather. Each element is rounded twice.
        case scattered
    }

    /// How the vector travels.
    public let wire: Wire
    /// Who adds what.
    public let route: Route
    /// Elements of the vector.
    public let count: Int
    /// Blocks of 32 elements of a packed vector; where it is scattered, filled up to the same number for each rank.
    public let blocks: Int
    private let rankCount: Int

    /// What a rank may receive more in one collective than in two, which wait twice for the slowest rank: about the
    /// bytes that a gigabit network carries in the time of one more message.
    static let affordableByteCount = 8192

    /// The sum of a vector of `count` elements over so many ranks.
    init(_ count: Int, over rankCount: Int, wire: Wire) {
        let blocks = (count + Wire.blockSize - 1) / Wire.blockSize
        self.wire = wire
        self.count = count
        self.rankCount = rankCount
        switch wire {
        case .f32: route = .reduced
        case .bf16, .q8: route = blocks <= Self.gatheredBlocks(rankCount, wire) ? .gathered : .scattered
        }
        self.blocks = route == .scattered ? (blocks + rankCount - 1) / rankCount * rankCount : blocks
    }

    /// The most blocks that one collective should carry: it brings every rank ranks - 1 vectors, two bring it
    /// 2 (ranks - 1) / ranks.
    static func gatheredBlocks(_ rankCount: Int, _ wire: Wire) -> Int {
        guard rankCount > 2 else { return .max }
        let beyond = (rankCount - 1) * (rankCount - 2) * Scalar.f32.byteCount(wire.blockWords)
        return affordableByteCount * rankCount / beyond
    }

    /// Blocks that a rank adds.
    public var blocksPerRank: Int { route == .scattered ? blocks / rankCount : blocks }

    /// The elements that a rank adds.
    public func elements(rank: Int) -> Range<Int> {
        guard route == .scattered else { return 0..<count }
        let perRank = blocksPerRank * Wire.blockSize
        return min(count, rank * perRank)..<min(count, (rank + 1) * perRank)
    }

    /// What the ranks exchange.
    public var traffic: Traffic { Traffic(exchanges) }

    /// The collectives. What an all-to-all moves, the scattering of a sum moves too.
    var exchanges: [Exchange] {
        let vector = Scalar.f32.byteCount(blocks * wire.blockWords)
        return switch route {
        case .reduced: [Exchange(operation: .allReduce, byteCount: Scalar.f32.byteCount(count))]
        case .gathered: [Exchange(operation: .allGather, byteCount: rankCount * vector)]
        case .scattered:
            [
                Exchange(operation: .reduceScatter, byteCount: vector),
                Exchange(operation: .allGather, byteCount: vector),
            ]
        }
    }

    /// Bytes that a rank puts in.
    public var sentByteCount: Int {
        let vector = Scalar.f32.byteCount(blocks * wire.blockWords)
        return switch route {
        case .reduced: Scalar.f32.byteCount(count)
        case .gathered: vector
        case .scattered: vector + vector / rankCount
        }
    }

    /// Float32 words of what a rank packs; none where nothing is packed.
    var packedWords: Int { route == .reduced ? 0 : blocks * wire.blockWords }

    /// Float32 words of what a rank receives at a time.
    var receivedWords: Int { (route == .gathered ? rankCount : 1) * packedWords }
}

extension Plan {
    /// How the vectors of a chunk of so many tokens are summed; reduced where the plan has no other sums.
    public func summation(tokens: Int) -> Summation {
        let wire = policy.way == .sum && rankCount > 1 ? policy.wire : .f32
        return Summation(tokens * blueprint.width, over: rankCount, wire: wire)
    }

    /// The buffers that the sums of a chunk need, in float32 words.
    var summationWords: (packed: Int, received: Int) {
        let gathered = Summation.gatheredBlocks(rankCount, policy.wire)
        let isAlwaysGathered = gathered > policy.chunk * blueprint.width
        let mostTokens = isAlwaysGathered ? policy.chunk : gathered * Wire.blockSize / blueprint.width
        let sums = [policy.chunk, min(policy.chunk, mostTokens)].map(summation)
        return (sums.map(\.packedWords).max() ?? 0, sums.map(\.receivedWords).max() ?? 0)
    }
}
