import Blueprint
import Partition

/// Forwards for the sake of their duration.
extension Session {
    /// What some forwards took.
    public struct Timing: Sendable {
        /// Seconds of each; of a prompt one figure for all its chunks.
        public var seconds: [Double]
        /// What every rank did in them.
        public var measurement: Measurement

        /// What was measured.
        public init(seconds: [Double], measurement: Measurement) {
            self.seconds = seconds
            self.measurement = measurement
        }
    }

    /// Runs a prompt from an empty sequence, up to the choice of the token after it; on rank 0 inside ``run(_:)``.
    ///
    /// - Throws: ``EngineError`` for tokens that are none or too many, or unknown; `MPIError`.
    public func timePrompt(_ tokens: [Int]) throws -> Timing {
        try plan.blueprint.check(tokens, what: "prompt", atLeast: 1, context: state.context)
        _ = try perform(.begin(.greedy, tokenCount: tokens.count))
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

    private func timed(_ body: () throws -> [Double]) throws -> Timing {
        _ = try perform(.measure(begins: true))
        let seconds = try body()
        guard let measurement = try perform(.measure(begins: false)).measurement else {
            preconditionFailure("Rank 0, which leads, has what was measured.")
        }
        return Timing(seconds: seconds, measurement: measurement)
    }

    /// Seconds by the clock that the phases are measured with, so that both add up to the same.
    private func measured(_ body: () throws -> Void) rethrows -> Double {
        let start = bench.clock.elapsed
        try body()
        return Double(bench.clock.elapsed - start) * 1e-9
    }
}
