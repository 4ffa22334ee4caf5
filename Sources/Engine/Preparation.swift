public import MPI
public import Partition
import Weights

/// A job whose ranks have agreed on model and plan, before any weight is read.
public struct Preparation {
    /// The model's file and texts.
    public let model: Model
    private let placement: Placement

    /// The plan that all ranks work by.
    public var plan: Plan { placement.plan }

    /// Opens the model's file on every rank, makes the plan, and checks that all ranks hold the same.
    ///
    /// - Parameters:
    ///   - request: the same on every rank, but for its shares, which are rank 0's, and its threads.
    ///   - world: all ranks.
    ///   - version: the program's version, which must be the same on all ranks.
    /// - Throws: on every rank, if anything fails on any of them.
    public init(_ request: Request, on world: Communicator, version: String) throws(MPIError) {
        try world.requireSameVersion(version)
        model = try world.together { try Model(path: request.modelPath ?? Model.embeddedPath) }
        try world.requireSame("model", model.file.modelHash, remedy: "copy the same weights file to every host")
        placement = try Placement(request, model.blueprint, model.file.encodings, on: world)
    }

    /// Reads each rank's slices and builds its layers.
    ///
    /// - Parameter progress: is told how many of its bytes this rank has read, and of how many.
    public func load(
        progress: (_ byteCount: Int, _ totalByteCount: Int) -> Void = { _, _ in }
    ) throws(MPIError) -> Session {
        try placement.load(.file(model), progress: progress)
    }
}

extension Session {
    /// Prepares and loads a model on all ranks.
    public static func open(_ request: Request, on world: Communicator, version: String) throws(MPIError) -> Session {
        try Preparation(request, on: world, version: version).load()
    }
}

extension Communicator {
    /// Refuses ranks that run another version of the program.
    package func requireSameVersion(_ version: String) throws(MPIError) {
        try requireSame("program version", version, remedy: "install the same version of lockstep on every host")
    }
}
