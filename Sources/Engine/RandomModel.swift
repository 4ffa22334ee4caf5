public import Blueprint
public import MPI

/// A model whose weights are drawn at random: for measurements without a checkpoint.
public struct RandomModel: Sendable {
    /// What it computes.
    public var blueprint: Blueprint
    /// How its matrices are stored.
    public var encoding: Encoding
    /// The same seed gives the same weights, however they are shared out.
    public var seed: UInt64

    /// A model of this shape.
    public init(_ blueprint: Blueprint, encoding: Encoding, seed: UInt64 = 0) {
        self.blueprint = blueprint
        self.encoding = encoding
        self.seed = seed
    }

    private func encoding(of weight: Weight) -> Encoding {
        if weight.isVector { return .f32 }
        return encoding.isGrouped && weight.isSensitive ? .bf16 : encoding
    }

    /// Agrees on a plan and draws every rank's slices; to be called on every rank.
    ///
    /// - Parameters:
    ///   - request: the same on every rank, but for its shares, which are rank 0's, and its threads.
    ///   - world: all ranks.
    ///   - version: the program's version, which must be the same on all ranks.
    public func open(_ request: Request, on world: Communicator, version: String) throws(MPIError) -> Session {
        try world.requireSameVersion(version)
        try world.requireSame("seed", "\(seed)", remedy: "start every rank with the same options")
        let encodings = Dictionary(
            uniqueKeysWithValues: blueprint.weights.map { ($0.name, encoding(of: $0)) })
        return try Placement(request, blueprint, encodings, drawsWeights: true, on: world).load(.random(seed: seed))
    }
}
