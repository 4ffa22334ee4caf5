import Blueprint

extension Plan {
    /// Bytes of the order that rank 0 broadcasts before each step.
    public static let orderByteCount = 32

    /// Bytes of a rank's best candidate for the next token: its id and its logit.
    public static let candidateByteCount = 8

    /// What one forward of `tokens` tokens exchanges; nothing on one rank.
    ///
    /// One sum after the embedding. Then per branch one sum in way sum; in way gather one gather of the inner
    /// activations and one of the output.
    public func traffic(tokens: Int) -> Traffic {
        guard rankCount > 1 else { return .none }
        func vector(_ count: Int) -> Traffic {
            Traffic(collectives: 1, byteCount: Encoding.f32.byteCount(tokens * count))
        }
        return blueprint.layers.flatMap(\.branches).reduce(vector(blueprint.width)) { traffic, branch in
            switch policy.way {
            case .sum: traffic + vector(blueprint.width)
            case .gather:
                traffic + vector(gatheredInnerCount(branch.mixer)) + vector(gatheredCount(blueprint.widthAxis))
            }
        }
    }

    /// What one decoded token exchanges: the order, a forward of one token, and each rank's best candidate.
    public var decodingTraffic: Traffic {
        guard rankCount > 1 else { return .none }
        return Traffic(collectives: 1, byteCount: Self.orderByteCount) + traffic(tokens: 1)
            + Traffic(collectives: 1, byteCount: Self.candidateByteCount * rankCount)
    }

    private func gatheredInnerCount(_ mixer: Mixer) -> Int {
        switch mixer {
        case .attention(let attention): gatheredCount(attention.queryAxis) * attention.headSize
        case .mlp(let mlp): gatheredCount(mlp.axis)
        }
    }
}
