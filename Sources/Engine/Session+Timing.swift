import Blueprint
public import Partition

/// Forwards for the sake of their duration.
extension Session {
    /// What some forwards took.
    public struct Timing: Sendable {
        /// Seconds of each.
        public var seconds: [Double] = []
        /// Seconds of all by what rank 0 did.
        public var phases: [Phase: Double] = [:]

        /// What was measured; nothing yet.
        public init(seconds: [Double] = [], phases: [Phase: Double] = [:]) {
            self.seconds = seconds
            self.phases = phases
        }
    }

    /// Runs a prompt from an empty sequence, up to the choice of the token after it; on rank 0 inside ``run(_:)``.
    ///
    /// - Throws: ``EngineError`` for tokens that are none or too many, or unknown; `MPIError`.
    public func timePrompt(_ tokens: [Int]) throws -> Timing {
        try plan.blueprint.check(tokens, what: "prompt", atLeast: 1, context: state.context)
        _ = try perform(.begin(.greedy))
        return try timed {
            [try measured { _ = try feed(tokens.map { Int32($0) }) }]
        }
    }

    /// Adds chunks of tokens to the sequence, each followed by the choice of a token; on rank 0 inside ``run(_:)``.
    ///
    /// - Throws: ``EngineError`` for tokens that are none or too many, or unknown; `MPIError`.
    public func timeSteps(_ chunks: [[Int]]) throws -> Timing {
        try plan.blueprint.check(
            chunks.flatMap { $0 }, what: "chunks", atLeast: 1, context: state.context - state.position)
        precondition(
            chunks.allSatisfy { !$0.isEmpty && $0.count <= plan.policy.chunk },
            "Chunks have the plan's length at most.")
        return try timed {
            try chunks.map { chunk in
                let step = Order.Step(tokens: chunk.map { Int32($0) }, purpose: .choose)
                return try measured { _ = try perform(.forward(step)) }
            }
        }
    }

    private func timed(_ body: () throws -> [Double]) rethrows -> Timing {
        bench.clock.start()
        defer { bench.clock.stop() }
        var timing = Timing()
        timing.seconds = try body()
        bench.clock.stop()
        timing.phases = bench.clock.seconds
        return timing
    }

    private func measured(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start).seconds
    }
}
