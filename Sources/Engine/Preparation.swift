import Blueprint
import Compute
import Foundation
public import MPI
public import Partition
import Weights

/// A job whose ranks have agreed on model and plan, before any weight is read.
public struct Preparation {
    /// The model's file and texts.
    public let model: Model
    /// The plan that all ranks work by.
    public let plan: Plan
    private let communicator: Communicator
    private let threads: Int
    private let cores: [Int]?

    /// Opens the model's file on every rank, makes the plan, and checks that all ranks hold the same.
    ///
    /// - Parameters:
    ///   - request: the same on every rank, but for its shares, which are rank 0's, and its threads.
    ///   - world: all ranks.
    ///   - version: the program's version, which must be the same on all ranks.
    /// - Throws: on every rank, if anything fails on any of them.
    public init(_ request: Request, on world: Communicator, version: String) throws {
        try world.requireSame(
            "program version", version, remedy: "install the same version of lockstep on every host")
        let model = try world.together { try Model(path: request.modelPath ?? Model.embeddedPath) }
        try world.requireSame("model", model.file.modelHash, remedy: "copy the same weights file to every host")
        try self.init(request, model, on: world)
    }

    /// The same for a model that is open on all ranks of a communicator.
    init(_ request: Request, _ model: Model, on communicator: Communicator) throws {
        self.model = model
        self.communicator = communicator
        plan = try Self.agreedPlan(request, model, communicator)
        // Every rank takes part in this, also one that was told its threads.
        let fair = try communicator.fairCores()
        threads = request.threads ?? fair
        cores = try communicator.distinctCores(threads: threads)
    }

    /// The plan from rank 0's shares; all ranks hold the same one.
    private static func agreedPlan(_ request: Request, _ model: Model, _ world: Communicator) throws -> Plan {
        var shares = [Double](repeating: 1, count: world.size)
        try world.together {
            if world.rank == 0, let wanted = request.shares { shares = try wanted.resolved(hosts: world.hosts) }
        }
        var span = shares.mutableSpan
        try world.broadcast(&span, from: 0)
        let limits = try world.freeMemoryByShare(shares)
        let encodings = model.file.encodings
        let plan = try world.together {
            try Plan(
                model.blueprint,
                policy: Policy(
                    shares: shares, way: request.way, cutting: request.cutting, wire: request.wire,
                    context: request.context ?? min(model.blueprint.maximumContext, Request.defaultContext),
                    cache: request.cache, chunk: request.chunk, math: request.math, memoryByteCounts: limits),
                encoding: { encodings[$0.name] ?? .f32 })
        }
        try world.requireSame("plan", plan.fingerprint, remedy: "start every rank with the same options")
        return plan
    }

    /// Reads each rank's slices and builds its layers.
    ///
    /// - Parameter progress: is told how many of its bytes this rank has read, and of how many.
    public func load(
        progress: (_ byteCount: Int, _ totalByteCount: Int) -> Void = { _, _ in }
    ) throws -> Session {
        let start = ContinuousClock().now
        let session = try communicator.together {
            try Session(
                model: model, plan: plan, communicator: communicator, threads: threads, cores: cores,
                progress: progress)
        }
        try fillRotation(session.bench.buffers.rotation)
        var byteCounts = [Int64](repeating: 0, count: communicator.size)
        byteCounts[communicator.rank] = Int64(session.loading.byteCounts[0])
        var span = byteCounts.mutableSpan
        try communicator.allReduce(&span, .sum)
        session.loading.byteCounts = byteCounts.map { Int($0) }
        session.loading.seconds = (ContinuousClock().now - start).seconds
        communicator.traffic = .init()
        return session
    }

    /// Cosines and sines of every position, `[context, cosines | sines]`.
    ///
    /// Rank 0 computes them for all: libraries of unlike machines may differ in the last bit.
    private func fillRotation(_ table: Buffer) throws(MPIError) {
        let rotaries = Set(plan.blueprint.attentions.map(\.rotary))
        precondition(rotaries.count <= 1, "There is one table: all layers turn alike.")
        guard let rotary = rotaries.first else { return }
        let frequencies = rotary.inverseFrequencies()
        try table.withMutableSpan(rows: table.rows) { span throws(MPIError) in
            if communicator.rank == 0 {
                for position in 0..<table.rows {
                    for (pair, frequency) in frequencies.enumerated() {
                        let angle = Double(Float(position) * frequency)
                        span[position * rotary.size + pair] = Float(cos(angle))
                        span[position * rotary.size + frequencies.count + pair] = Float(sin(angle))
                    }
                }
            }
            try communicator.broadcast(&span, from: 0)
        }
    }
}

extension Session {
    /// Prepares and loads a model on all ranks.
    public static func open(_ request: Request, on world: Communicator, version: String) throws -> Session {
        try Preparation(request, on: world, version: version).load()
    }
}
