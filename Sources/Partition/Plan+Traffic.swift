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
        let branches = blueprint.layers.flatMap(\.branches)
        return Traffic(embeddingExchanges(tokens: tokens) + branches.flatMap { exchanges($0, tokens: tokens).joined() })
    }

    /// What one greedily decoded token exchanges: the order, a forward of one token, and each rank's best candidate.
    public var decodingTraffic: Traffic { stepTraffic(tokens: 1, choosesToken: true) }

    /// What one step exchanges: the order, of more than one token with a message of their ids, the forward, and each
    /// rank's best candidate where a token is chosen greedily.
    public func stepTraffic(tokens: Int, choosesToken: Bool) -> Traffic {
        Traffic(orderExchanges) + (tokens > 1 ? Traffic(tokenExchanges(tokens: tokens)) : .none)
            + traffic(tokens: tokens) + (choosesToken ? Traffic(choiceExchanges) : .none)
    }

    /// What a prompt exchanges up to the choice of the token after it.
    public func promptTraffic(tokens: Int) -> Traffic {
        stride(from: 0, to: tokens, by: policy.chunk).reduce(.none) { traffic, first in
            let count = min(policy.chunk, tokens - first)
            return traffic + stepTraffic(tokens: count, choosesToken: first + count == tokens)
        }
    }

    /// The order that tells the ranks what to do.
    var orderExchanges: [Exchange] { exchange(.broadcast, Self.orderByteCount) }

    /// The tokens of a chunk, which follow its order.
    func tokenExchanges(tokens: Int) -> [Exchange] { exchange(.broadcast, 4 * tokens) }

    /// What brings the embedding of the tokens to every rank.
    func embeddingExchanges(tokens: Int) -> [Exchange] {
        exchange(tokens == 1 ? .broadcast : .allReduce, Scalar.f32.byteCount(tokens * blueprint.width))
    }

    /// The collectives after each stage of a branch.
    ///
    /// Sums of squares of norms over all heads are exchanged in the first of them.
    func exchanges(_ branch: Branch, tokens: Int) -> [[Exchange]] {
        var exchanges = exchangesOfOutputs(branch, tokens: tokens)
        exchanges[0] = normExchanges(branch.mixer, tokens: tokens) + exchanges[0]
        return exchanges
    }

    private func normExchanges(_ mixer: Mixer, tokens: Int) -> [Exchange] {
        switch mixer {
        case .attention(let attention) where attention.normsSpanHeads:
            exchange(.allReduce, Scalar.f32.byteCount(tokens * (attention.heads + attention.keyValueHeads)))
        case .stateSpace(let space) where exchangesSquares(space):
            exchange(.allReduce, Scalar.f32.byteCount(tokens * space.recurrence.axis.count))
        case .attention, .mlp, .experts, .deltaNet, .stateSpace: []
        }
    }

    private func exchangesOfOutputs(_ branch: Branch, tokens: Int) -> [[Exchange]] {
        func gather(_ count: Int) -> [Exchange] { exchange(.allGather, Scalar.f32.byteCount(tokens * count)) }
        guard rankCount > 1 else { return [[]] }
        return switch policy.way {
        case .sum: [summation(tokens: tokens).exchanges]
        case .gather:
            [gatheredInnerCounts(branch.mixer).flatMap(gather), gather(gatheredCount(blueprint.widthAxis))]
        }
    }

    /// Each rank's best candidate for the next token.
    var choiceExchanges: [Exchange] { exchange(.allGather, Self.candidateByteCount * rankCount) }

    /// One collective; none on one rank.
    private func exchange(_ operation: CollectiveProfile.Operation, _ byteCount: Int) -> [Exchange] {
        rankCount > 1 ? [Exchange(operation: operation, byteCount: byteCount)] : []
    }

    /// Bytes that a rank puts into what one decoded token exchanges; none on one rank.
    ///
    /// The vector that it adds to each sum, in way gather its own ranges, padding included where they are padded, its
    /// best candidate, and on rank 0 the order; of the embedding the complete vector, whoever holds it. How often a
    /// collective sends them on is the MPI library's choice.
    public func sentByteCount(rank: Int) -> Int {
        guard rankCount > 1 else { return 0 }
        let byteCount = blueprint.layers.flatMap(\.branches).reduce(Scalar.f32.byteCount(blueprint.width)) {
            let norms = normExchanges($1.mixer, tokens: 1).reduce(0) { $0 + $1.byteCount }
            return switch policy.way {
            case .sum: $0 + norms + summation(tokens: 1).sentByteCount
            case .gather:
                $0 + norms
                    + Scalar.f32.byteCount(
                        innerCount($1.mixer, rank: rank) + heldCount(blueprint.widthAxis, rank: rank))
            }
        }
        return byteCount + Self.candidateByteCount + (rank == 0 ? Self.orderByteCount : 0)
    }

    private func innerCount(_ mixer: Mixer, rank: Int) -> Int {
        switch mixer {
        case .attention(let attention): heldCount(attention.queryAxis, rank: rank) * attention.valueSize
        case .mlp(let mlp): heldCount(mlp.axis, rank: rank)
        case .deltaNet(let net): heldCount(net.recurrence.axis, rank: rank) * net.recurrence.headSize
        case .stateSpace(let space): heldCount(space.recurrence.axis, rank: rank) * space.recurrence.headSize
        case .experts(let experts):
            // Of whole experts the expected number.
            experts.router.chosenCount * runs(of: experts, rank: rank).reduce(0) { $0 + $1.heldCount }
                / experts.memberAxis.count + (experts.shared.map { heldCount($0.axis, rank: rank) } ?? 0)
        }
    }

    /// Elements of a token in each of the gathers before the last projections.
    private func gatheredInnerCounts(_ mixer: Mixer) -> [Int] {
        switch mixer {
        case .attention(let attention): [gatheredCount(attention.queryAxis) * attention.valueSize]
        case .mlp(let mlp): [gatheredCount(mlp.axis)]
        case .deltaNet(let net): [gatheredCount(net.recurrence.axis) * net.recurrence.headSize]
        case .stateSpace(let space): [gatheredCount(space.recurrence.axis) * space.recurrence.headSize]
        case .experts(let experts):
            (experts.shared.map { [gatheredCount($0.axis)] } ?? []) + [gatheredCount(experts)]
        }
    }
}
