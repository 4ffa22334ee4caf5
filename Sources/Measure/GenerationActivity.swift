public import Engine
public import Partition

/// What every rank did in a generation; the names of the JSON keys are those of the properties and stay as they are.
public struct GenerationActivity: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The whole prompt, which counts as one forward.
    public var prompt: Activity?
    /// The tokens after the first; nil where there was none.
    public var decoding: Activity?
    /// The most memory that each rank has held since it started, in rank order, without ranks whose system does not
    /// tell; empty if nothing was measured.
    public var memory: [Memory]

    /// The most memory that one rank has held.
    public struct Memory: Sendable, Hashable, Codable {
        /// Its number.
        public var rank: Int
        /// Its host.
        public var host: String
        /// What the plan says: weights, cache and buffers. The program itself and MPI are not in it.
        public var plannedByteCount: Int
        /// What its process has held, the program itself and MPI included.
        public var heldByteCount: Int
    }

    /// The activity of a generation that was measured.
    ///
    /// - Parameter predictions: what the prompt takes, and a token after it, where that is predicted.
    public init(
        _ generation: Session.Generation, promptTokens: Int, plan: Plan,
        predictions: (prompt: Prediction?, decoding: Prediction?) = (nil, nil)
    ) {
        prompt = generation.promptMeasurement.flatMap {
            Activity(
                $0, count: 1, planned: plan.promptTraffic(tokens: promptTokens),
                expertByteCount: plan.expertByteCount(forwards: plan.chunks(ofPrompt: promptTokens)),
                prediction: predictions.prompt)
        }
        decoding = generation.decodingMeasurement.flatMap { measurement in
            let steps = measurement.forwards
            let token = plan.decodingTraffic
            return Activity(
                measurement, count: steps,
                planned: Traffic(collectives: steps * token.collectives, byteCount: steps * token.byteCount),
                expertByteCount: plan.expertByteCount(forwards: Array(repeating: 1, count: steps)),
                prediction: predictions.decoding)
        }
        let last = generation.decodingMeasurement ?? generation.promptMeasurement
        memory = (last?.ranks ?? []).enumerated().compactMap { number, rank in
            rank.peakByteCount.map { held in
                Memory(
                    rank: number, host: rank.host, plannedByteCount: plan.holdings(rank: number).peakByteCount,
                    heldByteCount: held)
            }
        }
    }

    /// The tables of both, and of memory.
    public var description: String {
        [prompt?.text("prompt"), decoding?.text("decoding"), memoryText].compactMap { $0 }.joined(separator: "\n")
    }

    private var memoryText: String? {
        guard !memory.isEmpty else { return nil }
        let rows = memory.map { rank in
            ["\(rank.rank)", rank.host, Figure.bytes(rank.plannedByteCount), Figure.bytes(rank.heldByteCount)]
        }
        return "most memory: what the plan counts, and what the process held, with the program itself and MPI\n\n"
            + Table.indentedText([["rank", "host", "planned", "held"]] + rows)
    }
}
