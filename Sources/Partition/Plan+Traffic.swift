import Blueprint

extension Plan {
    /// Bytes of the order that rank 0 broadcasts before each step.
    public static let orderByteCount = 32

    /// Bytes of a rank's best candidate for the next token: its id and its logit.
    public static let candidateByteCount = 8

    /// What one forward of `tokens` tokens exchanges; nothing on one rank.
    ///
    /// The embedding: for one token it is broadcast by the rank that holds it, for more it is summed, in float32 both
    /// times. Then per branch one sum in way sum; in way gather one gather of the inner activations and one of the
    /// output.
    public func traffic(tokens: Int) -> Traffic {
        guard rankCount > 1 else { return .none }
        func vector(_ count: Int) -> Traffic {
            Traffic(collectives: 1, byteCount: Scalar.f32.byteCount(tokens * count))
        }
        return blueprint.layers.flatMap(\.branches).reduce(vector(blueprint.width)) { traffic, branch in
            switch policy.way {
            case .sum: traffic + summation(tokens: tokens).traffic
            case .gather:
                traffic + vector(gatheredInnerCount(branch.mixer)) + vector(gatheredCount(blueprint.widthAxis))
            }
        }
    }

    /// What one greedily decoded token exchanges: the order, a forward of one token, and each rank's best candidate.
    public var decodingTraffic: Traffic { stepTraffic(tokens: 1, choosesToken: true) }

    /// What one step exchanges: the order, of more than one token with a message of their ids, the forward, and each
    /// rank's best candidate where a token is chosen greedily.
    public func stepTraffic(tokens: Int, choosesToken: Bool) -> Traffic {
        guard rankCount > 1 else { return .none }
        func message(_ byteCount: Int) -> Traffic { Traffic(collectives: 1, byteCount: byteCount) }
        return message(Self.orderByteCount)
            + (tokens > 1 ? message(MemoryLayout<Int32>.stride * tokens) : .none) + traffic(tokens: tokens)
            + (choosesToken ? message(Self.candidateByteCount * rankCount) : .none)
    }

    /// What a prompt exchanges up to the choice of the token after it.
    public func promptTraffic(tokens: Int) -> Traffic {
        stride(from: 0, to: tokens, by: policy.chunk).reduce(.none) { traffic, first in
            let count = min(policy.chunk, tokens - first)
            return traffic + stepTraffic(tokens: count, choosesToken: first + count == tokens)
        }
    }

    /// Bytes that a rank puts into what one decoded token exchanges; none on one rank.
    ///
    /// The vector that it adds to each sum, in way gather its own ranges, padding included where they are padded, its
    /// best candidate, and on rank 0 the order; of the embedding the complete vector, whoever holds it. How often a
    /// collective sends them on is the MPI library's choice.
    public func sentByteCount(rank: Int) -> Int {
        guard rankCount > 1 else { return 0 }
        let byteCount = blueprint.layers.flatMap(\.branches).reduce(Scalar.f32.byteCount(blueprint.width)) {
            switch policy.way {
            case .sum: $0 + summation(tokens: 1).sentByteCount
            case .gather:
                $0
                    + Scalar.f32.byteCount(
                        innerCount($1.mixer, rank: rank) + heldCount(blueprint.widthAxis, rank: rank))
            }
        }
        return byteCount + Self.candidateByteCount + (rank == 0 ? Self.orderByteCount : 0)
    }

    private func innerCount(_ mixer: Mixer, rank: Int) -> Int {
        switch mixer {
        case .attention(let attention): heldCount(attention.queryAxis, rank: rank) * attention.headSize
        case .mlp(let mlp): heldCount(mlp.axis, rank: rank)
        }
    }

    private func gatheredInnerCount(_ mixer: Mixer) -> Int {
        switch mixer {
        case .attention(let attention): gatheredCount(attention.queryAxis) * attention.headSize
        case .mlp(let mlp): gatheredCount(mlp.axis)
        }
    }
}
