import Blueprint

/// The experts that a token chooses, and what a rank has of all of them.
struct ChosenExperts: Hashable {
    /// Experts that a token chooses.
    var chosen: Int
    /// Of how many.
    var count: Int
    /// What the rank has of them.
    var runs: [ExpertRun]

    /// Of each expert, what the rank does for it, in parts of what it does for the chosen ones on average.
    private var parts: [Double] {
        var channels = [Double](repeating: 0, count: count)
        for run in runs { for member in run.members { channels[member] += Double(run.heldChannels) } }
        let average = channels.reduce(0, +) * Double(chosen) / Double(count)
        return channels.map { average > 0 ? $0 / average : 0 }
    }

    /// Whether the rank does the same whatever is chosen.
    private var isBalanced: Bool { Set(parts).count == 1 }

    /// What one rank takes for a token.
    struct Cost {
        var experts: ChosenExperts
        /// Seconds for the chosen ones, on average.
        var average: Double
        /// Seconds for all else.
        var rest: Double
    }

    // Choices over which the average is taken.
    private static let sampleCount = 1024

    /// Seconds until the slowest rank is done with a token, on average over choices that are all as likely.
    ///
    /// What ranks take on average is less where a choice may fall on one of them. The choices are drawn at random, the
    /// same ones for every plan.
    static func slowest(_ costs: [Cost]) -> Double {
        let averages = costs.map { $0.average + $0.rest }.max() ?? 0
        guard let first = costs.first?.experts, !costs.allSatisfy(\.experts.isBalanced) else { return averages }
        let seconds = costs.map { cost in cost.experts.parts.map { $0 * cost.average } }
        var random = SplitMix(seed: 1)
        var (experts, sum) = (Array(0..<first.count), 0.0)
        for _ in 0..<sampleCount {
            var ranks = costs.map(\.rest)
            for place in 0..<first.chosen {
                experts.swapAt(place, place + random.index(below: first.count - place))
                for rank in ranks.indices { ranks[rank] += seconds[rank][experts[place]] }
            }
            sum += ranks.max() ?? 0
        }
        return max(averages, sum / Double(sampleCount))
    }
}
