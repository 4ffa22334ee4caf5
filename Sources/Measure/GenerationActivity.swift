public import Engine
public import Partition

/// What every rank did in a generation; the names of the JSON keys are those of the properties and stay as they are.
public struct GenerationActivity: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The whole prompt, which counts as one forward.
    public var prompt: Activity?
    /// The tokens after the first; nil where there was none.
    public var decoding: Activity?

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
    }

    /// The tables of both.
    public var description: String {
        [prompt?.text("prompt"), decoding?.text("decoding")].compactMap { $0 }.joined(separator: "\n")
    }
}
