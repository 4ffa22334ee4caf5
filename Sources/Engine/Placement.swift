import Blueprint
import Compute
import Foundation
import MPI
import Partition
import Weights

/// What all ranks have agreed on before any weight is read, and what this rank runs with.
struct Placement {
    /// The plan that all ranks work by.
    let plan: Plan
    /// What passes of the plan take by the profile of the machines; nil without one, and on ranks other than 0.
    let costModel: CostModel?
    let communicator: Communicator
    /// Threads of this rank.
    let threads: Int
    /// A core for each thread; nil where the system places them.
    let cores: [Int]?
    /// Makes this rank look slow; nil for its own speed.
    let slowdown: Slowdown?
    /// Whether this rank's threads must take turns on cores.
    let sharesCores: Bool

    /// - Parameters:
    ///   - encodings: how each weight is stored, by its name; f32 where it is not named.
    ///   - drawsWeights: whether they are drawn at random.
    init(
        _ request: Request, _ blueprint: Blueprint, _ encodings: [String: Encoding], drawsWeights: Bool = false,
        on communicator: Communicator
    ) throws(MPIError) {
        self.communicator = communicator
        slowdown = request.slowdown
        let plan = try Self.agreedPlan(request, blueprint, encodings, drawsWeights: drawsWeights, communicator)
        self.plan = plan
        costModel = request.profile.map { CostModel(plan, $0) }
        // Every rank takes part in this, also one that was told its threads.
        let fair = try communicator.fairCores()
        threads = request.threads ?? fair
        cores = try communicator.distinctCores(threads: threads)
        sharesCores = try communicator.sharesCores(threads: threads)
    }

    /// The plan from rank 0's shares; all ranks hold the same one.
    private static func agreedPlan(
        _ request: Request, _ blueprint: Blueprint, _ encodings: [String: Encoding], drawsWeights: Bool,
        _ world: Communicator
    ) throws(MPIError) -> Plan {
        let shares = try agreedShares(request, world)
        let pools = try world.memoryPools() ?? []
        let policy = Policy(
            shares: shares ?? Array(repeating: 1, count: world.size), way: request.way, cutting: request.cutting,
            wire: request.wire, context: request.context ?? min(blueprint.maximumContext, Request.defaultContext),
            cache: request.cache, chunk: request.chunk, math: request.math, experts: request.experts,
            sharedMemory: pools.map { SharedMemory(ranks: $0.ranks, byteCount: $0.byteCount) },
            drawsWeights: drawsWeights)
        let encoding = { (weight: Weight) in encodings[weight.name] ?? .f32 }
        let planned = try shares == nil ? Policy.planned(policy, blueprint, request.profile, encoding, on: world) : nil
        let plan = try world.together {
            if let planned { return try Plan(blueprint, policy: planned, encoding: encoding) }
            guard shares == nil else { return try Plan(blueprint, policy: policy, encoding: encoding) }
            return try Plan(byMemory: blueprint, policy: policy, encoding: encoding)
        }
        try world.requireSame("plan", plan.fingerprint, remedy: "start every rank with the same options")
        return plan
    }

    /// Rank 0's shares on every rank; nil where it asks for none.
    private static func agreedShares(_ request: Request, _ world: Communicator) throws(MPIError) -> [Double]? {
        var shares = [Double](repeating: 0, count: world.size)
        try world.together {
            if world.rank == 0, let wanted = request.shares { shares = try wanted.resolved(hosts: world.hosts) }
        }
        var span = shares.mutableSpan
        try world.broadcast(&span, from: 0)
        return shares.contains(0) ? nil : shares
    }

    /// Reads each rank's slices and builds its layers.
    ///
    /// - Parameter progress: is told how many of its bytes this rank has read, and of how many.
    func load(
        _ source: WeightsSource, progress: (_ byteCount: Int, _ totalByteCount: Int) -> Void = { _, _ in }
    ) throws(MPIError) -> Session {
        let start = ContinuousClock().now
        let session = try communicator.together { try Session(source, self, progress: progress) }
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
    private func fillRotation(_ tables: Buffer) throws(MPIError) {
        var offset = 0
        for rotary in plan.blueprint.rotaries {
            for number in 0..<rotary.tableCount {
                let table = tables.table(at: offset, columns: rotary.size)
                offset += tables.rows * rotary.size
                try table.withMutableSpan(rows: table.rows) { span throws(MPIError) in
                    if communicator.rank == 0 {
                        Self.fill(&span, rotary, isLong: number > 0, positions: table.rows)
                    }
                    try communicator.broadcast(&span, from: 0)
                }
            }
        }
    }

    private static func fill(_ table: inout MutableSpan<Float>, _ rotary: Rotary, isLong: Bool, positions: Int) {
        let (frequencies, factor) = (rotary.inverseFrequencies(isLong: isLong), rotary.attentionFactor)
        for position in 0..<positions {
            for (pair, frequency) in frequencies.enumerated() {
                let angle = Double(Float(position) * frequency)
                table[position * rotary.size + pair] = Float(cos(angle)) * factor
                table[position * rotary.size + frequencies.count + pair] = Float(sin(angle)) * factor
            }
        }
    }
}
