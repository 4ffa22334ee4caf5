import Blueprint
import Compute
package import Engine
package import Partition

/// One kind of forward, and what its repetitions took.
package struct TimedTest: Sendable {
    /// What is timed.
    package enum Kind: Sendable {
        /// A whole prompt.
        case prompt
        /// One forward after the other.
        case steps
    }

    /// What is timed.
    package var kind: Kind
    /// Tokens of one forward; of a prompt all, whatever its chunks.
    package var batch: Int
    /// Tokens before the first forward of a repetition.
    package var firstPosition: Int
    /// Forwards of one repetition.
    package var stepCount: Int
    /// What each repetition took.
    package var timings: [Session.Timing] = []  // [repeats]
    /// What could be done around each repetition.
    package var rates: [MachineRates] = []  // [repeats]

    /// A test without repetitions yet.
    package init(kind: Kind, batch: Int, firstPosition: Int, stepCount: Int) {
        (self.kind, self.batch, self.firstPosition, self.stepCount) = (kind, batch, firstPosition, stepCount)
    }

    /// Bytes per second that each rank read around each repetition; empty where they were not measured.
    var readings: [[Double]] { rates.compactMap(\.readBandwidths) }  // [repeats, ranks]

    /// Operations per second of each rank around each repetition; empty where they were not measured.
    var peaks: [[[Factors: Double]]] { rates.compactMap(\.peaks) }  // [repeats, ranks]

    var name: String {
        switch kind {
        case .prompt: "prompt of \(batch)"
        case .steps: batch == 1 ? "decoding" : "batch of \(batch)"
        }
    }

    /// What a forward in the middle of a repetition takes, from the profile and at the pace of each rank: of each of
    /// its rates the median over the repetitions.
    package func prediction(_ costModel: CostModel) -> TimedPrediction {
        func median(_ figures: [Double]) -> Double? {
            figures.isEmpty ? nil : BenchmarkReport.Spread(figures).median
        }
        let paces = costModel.profile.ranks.enumerated().map { rank, profile in
            let peaks = self.peaks.map { $0[rank] }
            return Pace(
                of: profile, reading: median(readings.map { $0[rank] }),
                peaks: Dictionary(
                    uniqueKeysWithValues: Factors.allCases.compactMap { factors in
                        median(peaks.compactMap { $0[factors] }).map { (factors, $0) }
                    }))
        }
        return TimedPrediction(
            byProfile: forwardPrediction(costModel),
            atPace: forwardPrediction(CostModel(costModel.plan, costModel.profile.at(paces))))
    }

    private func forwardPrediction(_ costModel: CostModel) -> Prediction {
        switch kind {
        case .prompt: costModel.prompt(tokens: batch)
        case .steps: costModel.step(tokens: batch, firstPosition: firstPosition + batch * (stepCount / 2))
        }
    }

    /// What one repetition exchanges by the plan.
    func traffic(_ plan: Plan) -> Traffic {
        switch kind {
        case .prompt: plan.promptTraffic(tokens: batch)
        case .steps:
            (0..<stepCount).reduce(Traffic.none) { traffic, _ in
                traffic + plan.stepTraffic(tokens: batch, choosesToken: true)
            }
        }
    }

    /// Bytes of experts that all ranks are to read in one repetition; nil where there are none.
    func expertByteCount(_ plan: Plan) -> Int? {
        switch kind {
        case .prompt: plan.expertByteCount(forwards: plan.chunks(ofPrompt: batch))
        case .steps: plan.expertByteCount(forwards: Array(repeating: batch, count: stepCount))
        }
    }

    /// What a rank reads and computes in one repetition.
    func work(_ plan: Plan, rank: Int) -> Work {
        switch kind {
        case .prompt:
            return stride(from: 0, to: batch, by: plan.policy.chunk).reduce(Work()) { work, first in
                let count = min(plan.policy.chunk, batch - first)
                return work
                    + plan.work(
                        rank: rank, tokens: count, firstPosition: first, logitRows: first + count == batch ? 1 : 0)
            }
        case .steps:
            return (0..<stepCount).reduce(Work()) { work, step in
                work + plan.work(rank: rank, tokens: batch, firstPosition: firstPosition + step * batch, logitRows: 1)
            }
        }
    }
}
