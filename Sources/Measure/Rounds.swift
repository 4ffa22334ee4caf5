package import Partition

/// What collectives of any number of ranks take that have cores of their own, by the rounds of their algorithms, from
/// what the four collectives of two such ranks take: a broadcast is a message, a gathering an exchange of halves, a sum
/// an exchange of the whole, and a scattered one of halves, with the additions.
///
/// Of several algorithms the fastest counts; MPI, which goes by tables, may choose another. The algorithms: Thakur,
/// Rabenseifner and Gropp, Optimization of Collective Communication Operations in MPICH, 2005.
///
/// What a stage of a model has driven out of caches comes back once, whatever the number of rounds.
package struct Rounds {
    private let pairs: [CollectiveProfile.Operation: CollectiveProfile]
    private let coldCacheSeconds: (_ operation: CollectiveProfile.Operation, _ byteCount: Int) -> Double

    /// - Parameters:
    ///   - pairs: every operation of two ranks, again and again.
    ///   - coldCacheSeconds: what reading memory before it, as a stage of a model does, adds to an operation.
    package init(
        pairs: [CollectiveProfile],
        coldCacheSeconds: @escaping (_ operation: CollectiveProfile.Operation, _ byteCount: Int) -> Double
    ) {
        self.pairs = Dictionary(uniqueKeysWithValues: pairs.map { ($0.operation, $0) })
        self.coldCacheSeconds = coldCacheSeconds
    }

    /// Seconds of a collective of so many ranks, at least two, and bytes, after a stage.
    package func seconds(_ operation: CollectiveProfile.Operation, rankCount: Int, byteCount: Int) -> Double {
        coldCacheSeconds(operation, byteCount) + roundsAlone(operation, rankCount: rankCount, byteCount: byteCount)
    }

    /// As again and again, without a stage between.
    private func roundsAlone(_ operation: CollectiveProfile.Operation, rankCount: Int, byteCount: Int) -> Double {
        let (ranks, bytes) = (rankCount, Double(byteCount))
        guard ranks > 2 else { return operation == .allReduce ? sum(bytes) : pair(operation, bytes) }
        switch operation {
        case .allReduce: return min(doubling(ranks, bytes), scattering(ranks, bytes) + gathering(ranks, bytes))
        case .broadcast: return min(tree(ranks, bytes), spreading(ranks, bytes) + gathering(ranks, bytes))
        case .allGather: return gathering(ranks, bytes)
        case .reduceScatter: return scattering(ranks, bytes)
        }
    }

    /// Recursive doubling: pairs exchange and add everything; ranks beyond a power of two give theirs to a neighbour
    /// first, and get the sum in the end.
    private func doubling(_ ranks: Int, _ bytes: Double) -> Double {
        let (rounds, isWhole) = Self.logarithm(ranks)
        return Double(rounds) * sum(bytes) + (isWhole ? 0 : 2 * pair(.broadcast, bytes))
    }

    /// A binomial tree.
    private func tree(_ ranks: Int, _ bytes: Double) -> Double {
        let (rounds, isWhole) = Self.logarithm(ranks)
        return Double(isWhole ? rounds : rounds + 1) * pair(.broadcast, bytes)
    }

    /// A binomial tree in which each rank gets only what it and those below it keep.
    private func spreading(_ ranks: Int, _ bytes: Double) -> Double {
        var (seconds, kept) = (0.0, ranks)
        while kept > 1 {
            seconds += pair(.broadcast, bytes * Double(kept / 2) / Double(ranks))
            kept -= kept / 2
        }
        return seconds
    }

    /// Parts go round a ring, or what ranks have gathered doubles from round to round.
    private func gathering(_ ranks: Int, _ bytes: Double) -> Double {
        let part = bytes / Double(ranks)
        let ring = Double(ranks - 1) * pair(.allGather, 2 * part)
        var (doubling, held) = (0.0, 1)
        while held < ranks {
            let sent = min(held, ranks - held)
            doubling += pair(.allGather, 2 * Double(sent) * part)
            held += sent
        }
        return min(ring, doubling)
    }

    /// Sums of parts go round a ring, or pairs exchange and add halves of what is left, ranks beyond a power of two as
    /// in ``doubling(_:_:)``.
    private func scattering(_ ranks: Int, _ bytes: Double) -> Double {
        let ring = Double(ranks - 1) * pair(.reduceScatter, 2 * bytes / Double(ranks))
        let (rounds, isWhole) = Self.logarithm(ranks)
        let halving = (0..<rounds).reduce(0) { $0 + pair(.reduceScatter, bytes / Double(1 << $1)) }
        return min(ring, halving + (isWhole ? 0 : 2 * pair(.broadcast, bytes)))
    }

    /// Two ranks exchange and add everything. Where MPI's table has a sum of two go in two rounds, scattering twice as
    /// much shows what one takes.
    private func sum(_ bytes: Double) -> Double { min(pair(.allReduce, bytes), pair(.reduceScatter, 2 * bytes)) }

    private func pair(_ operation: CollectiveProfile.Operation, _ bytes: Double) -> Double {
        guard let profile = pairs[operation] else { preconditionFailure("Pairs were measured in every operation.") }
        return profile.seconds(byteCount: Int(bytes.rounded(.up)))
    }

    /// The largest power of two that is not more, and whether it is the number itself.
    private static func logarithm(_ count: Int) -> (rounds: Int, isWhole: Bool) {
        let rounds = Int.bitWidth - 1 - count.leadingZeroBitCount
        return (rounds, count == 1 << rounds)
    }
}
