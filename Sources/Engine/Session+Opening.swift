import Blueprint
import Compute
import Foundation
public import MPI
import Partition
import Weights

/// What opening a session took on this rank.
public struct Loading: Sendable {
    /// Seconds from the first byte to the last.
    public internal(set) var seconds = 0.0
    /// Bytes read from the weights file by this rank.
    public internal(set) var byteCount: Int
    /// Bytes read by all ranks.
    public internal(set) var byteCountOfAll = 0
}

extension Session {
    /// Opens the model on all ranks: plan, agreement, then each rank's own slices.
    ///
    /// - Parameters:
    ///   - request: the same on every rank.
    ///   - world: all ranks.
    ///   - version: the program's version, which must be the same on all ranks.
    /// - Throws: on every rank, if anything fails on any of them.
    public static func open(_ request: Request, on world: Communicator, version: String) throws -> Session {
        try world.requireSame(
            "program version", version, remedy: "install the same version of lockstep on every host")
        let model = try world.together { try Model(path: request.modelPath ?? Model.embeddedPath) }
        try world.requireSame("model", model.file.modelHash, remedy: "copy the same weights file to every host")
        let plan = try agreedPlan(request, model, world)
        let threads = try request.threads ?? world.fairCores()
        return try load(model, plan, world, threads: threads)
    }

    /// The plan from rank 0's shares; all ranks hold the same one.
    static func agreedPlan(_ request: Request, _ model: Model, _ world: Communicator) throws -> Plan {
        var shares = [Double](repeating: 1, count: world.size)
        try world.together {
            if world.rank == 0, let wanted = request.shares { shares = try wanted.resolved(hosts: world.hosts) }
        }
        var span = shares.mutableSpan
        try world.broadcast(&span, from: 0)
        let encodings = model.file.encodings
        let limits = try freeMemory(on: world)
        let plan = try world.together {
            try Plan(
                model.blueprint,
                policy: Policy(
                    shares: shares, way: request.way, cutting: request.cutting,
                    context: request.context ?? min(model.blueprint.maximumContext, Request.defaultContext),
                    chunk: request.chunk, memoryByteCounts: limits),
                encoding: { encodings[$0.name] ?? .f32 })
        }
        try world.requireSame("plan", plan.fingerprint, remedy: "start every rank with the same options")
        return plan
    }

    /// Bytes that each rank may still take: its host's free memory, divided among the host's ranks.
    private static func freeMemory(on world: Communicator) throws -> [Int]? {
        let host = try world.ranksOfThisHost()
        let own = AvailableMemory.byteCount().map { $0 / host.size } ?? Int.max
        let all = try world.gatherStrings(String(own)).map { Int($0) ?? Int.max }
        return all.allSatisfy { $0 == Int.max } ? nil : all
    }

    /// Reads each rank's slices and builds its layers.
    static func load(_ model: Model, _ plan: Plan, _ communicator: Communicator, threads: Int) throws -> Session {
        let start = ContinuousClock().now
        let session = try communicator.together {
            try Session(model: model, plan: plan, communicator: communicator, threads: threads)
        }
        try fillRotation(session.bench.buffers.rotation, plan.blueprint, communicator)
        var byteCount = [Int64(session.loading.byteCount)]
        var span = byteCount.mutableSpan
        try communicator.allReduce(&span, .sum)
        session.loading.byteCountOfAll = Int(byteCount[0])
        session.loading.seconds = (ContinuousClock().now - start).seconds
        communicator.traffic = .init()
        return session
    }

    /// Cosines and sines of every position, `[context, cosines | sines]`.
    ///
    /// Rank 0 computes them for all: libraries of unlike machines may differ in the last bit.
    private static func fillRotation(
        _ table: Buffer, _ blueprint: Blueprint, _ communicator: Communicator
    ) throws(MPIError) {
        guard let rotary = blueprint.attentions.first?.rotary else { return }
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
