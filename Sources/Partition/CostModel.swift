import Blueprint

/// What passes of a plan take on the ranks of a profile: bytes over rates, operations over rates, and messages.
///
/// Ranks meet after every stage, a mixer or the head; the stage takes as long as its slowest rank, and the exchange
/// after it as long as it was measured to take. Which rank is the slowest may vary from stage to stage, and with a
/// token's experts depend on their choice: the time is an average then.
public struct CostModel: Sendable {
    /// What the predictions are for.
    public let plan: Plan
    /// What they are made from.
    public let profile: ClusterProfile
    /// The same with collectives as if no rank shared a core, where it says these.
    private let profileAlone: ClusterProfile?
    private let ranks: [RankCost]
    private let stages: [Stage]
    private let head: [StageWork]  // [ranks]

    /// Equal stages, and what follows each of them.
    private struct Stage {
        var works: [StageWork]  // [ranks]
        /// A branch of this kind, and which of its stages this is.
        var branch: Branch
        var number: Int
        var count: Int
        /// Seconds of the slowest rank for one token; nil where experts have no part in it.
        var slowest: Double?
    }

    /// What equal stages have in common.
    private struct Key: Hashable {
        var works: [StageWork]  // [ranks]
        var exchanges: [Exchange]
    }

    /// - Parameter profile: one that has been checked, of as many ranks as the plan has.
    public init(_ plan: Plan, _ profile: ClusterProfile) {
        precondition(profile.ranks.count == plan.rankCount, "a profile describes every rank of a plan")
        let extents = (0..<plan.rankCount).map { Extents(plan, rank: $0).filled }
        let encodings = Set(plan.encodings.values)
        self.plan = plan
        self.profile = profile
        profileAlone = profile.alone
        ranks = profile.ranks.map { RankCost($0, encodings: encodings, policy: plan.policy) }
        head = extents.map(plan.headStage)
        var stages = Self.stages(plan, extents)
        for place in stages.indices { stages[place].slowest = Self.slowest(ranks, stages[place].works) }
        self.stages = stages
    }

    private static func slowest(_ ranks: [RankCost], _ works: [StageWork]) -> Double? {
        let costs = zip(ranks, works).compactMap { rank, work in
            work.experts.map { experts in
                let average = rank.secondsOfChosen(work)
                let all = rank.seconds(work, tokens: 1, firstPosition: 0) + rank.restSeconds(work, tokens: 1)
                return ChosenExperts.Cost(experts: experts, average: average, rest: all - average)
            }
        }
        return costs.isEmpty ? nil : ChosenExperts.slowest(costs)
    }

    private static func stages(_ plan: Plan, _ extents: [Extents]) -> [Stage] {
        var stages: [Stage] = []
        var places: [Key: Int] = [:]
        for layer in plan.blueprint.layers {
            for branch in layer.branches {
                let byRank = extents.map { plan.stages(branch, branchesInLayer: layer.branches.count, $0) }
                for number in byRank[0].indices {
                    let works = byRank.map { $0[number] }
                    let key = Key(works: works, exchanges: plan.exchanges(branch, tokens: 1)[number])
                    let place = places[key, default: stages.count]
                    if place == stages.count {
                        stages.append(Stage(works: works, branch: branch, number: number, count: 0))
                    }
                    places[key] = place
                    stages[place].count += 1
                }
            }
        }
        return stages
    }

    /// One greedily decoded token.
    ///
    /// - Parameter position: how many tokens are before it.
    public func decodedToken(position: Int) -> Prediction {
        var tally = emptyTally
        tally.exchange(seconds(plan.orderExchanges), count: 1)
        addPass(tokens: 1, firstPosition: position, logitRows: 1, to: &tally)
        tally.exchange(seconds(plan.choiceExchanges), count: 1)
        return tally.prediction
    }

    /// A forward of a chunk of tokens.
    ///
    /// - Parameters:
    ///   - firstPosition: how many tokens are before them.
    ///   - logitRows: tokens whose logits are computed.
    public func chunk(tokens: Int, firstPosition: Int, logitRows: Int) -> Prediction {
        var tally = emptyTally
        addChunk(tokens: tokens, firstPosition: firstPosition, logitRows: logitRows, to: &tally)
        return tally.prediction
    }

    /// A forward of some tokens after which one is chosen: the same as ``decodedToken(position:)`` where it is one.
    public func step(tokens: Int, firstPosition: Int) -> Prediction {
        guard tokens > 1 else { return decodedToken(position: firstPosition) }
        var tally = emptyTally
        addChunk(tokens: tokens, firstPosition: firstPosition, logitRows: 1, to: &tally)
        tally.exchange(seconds(plan.choiceExchanges), count: 1)
        return tally.prediction
    }

    /// A prompt of so many tokens in the plan's chunks, the choice of the token after it included.
    public func prompt(tokens: Int) -> Prediction {
        var tally = emptyTally
        for first in stride(from: 0, to: tokens, by: plan.policy.chunk) {
            let count = min(plan.policy.chunk, tokens - first)
            addChunk(tokens: count, firstPosition: first, logitRows: first + count == tokens ? 1 : 0, to: &tally)
        }
        tally.exchange(seconds(plan.choiceExchanges), count: 1)
        return tally.prediction
    }

    /// The order, with its tokens where they are several, and the pass.
    private func addChunk(tokens: Int, firstPosition: Int, logitRows: Int, to tally: inout Tally) {
        tally.exchange(seconds(plan.orderExchanges), count: 1)
        if tokens > 1 { tally.exchange(seconds(plan.tokenExchanges(tokens: tokens)), count: 1) }
        addPass(tokens: tokens, firstPosition: firstPosition, logitRows: logitRows, to: &tally)
    }

    private func addPass(tokens: Int, firstPosition: Int, logitRows: Int, to tally: inout Tally) {
        let embedding = ranks.map { [Phase.rest: $0.elementSeconds(tokens * plan.blueprint.width)] }
        tally.add(embedding, exchange: seconds(plan.embeddingExchanges(tokens: tokens)), count: 1)
        for stage in stages {
            let times = zip(ranks, stage.works).map { rank, work -> [Phase: Double] in
                [
                    work.phase: rank.seconds(work, tokens: tokens, firstPosition: firstPosition),
                    .rest: rank.restSeconds(work, tokens: tokens),
                ]
            }
            let exchange = seconds(plan.exchanges(stage.branch, tokens: tokens)[stage.number])
            tally.add(times, slowest: tokens == 1 ? stage.slowest : nil, exchange: exchange, count: stage.count)
        }
        guard logitRows > 0 else { return }
        let times = zip(ranks, head).map { rank, work -> [Phase: Double] in
            let norm = rank.restSeconds(work, tokens: logitRows)
            return [Phase.head: rank.seconds(work, tokens: logitRows, firstPosition: 0) + norm]
        }
        tally.add(times, exchange: .none, count: 1)
    }

    /// One after another.
    private func seconds(_ exchanges: [Exchange]) -> ExchangeSeconds {
        func sum(_ profile: ClusterProfile) -> Double {
            exchanges.reduce(0) { $0 + profile.seconds($1, rankCount: ranks.count) }
        }
        let measured = sum(profile)
        return ExchangeSeconds(measured: measured, alone: profileAlone.map(sum) ?? measured)
    }

    /// Of no stage yet.
    private var emptyTally: Tally {
        Tally(coreShares: profile.ranks.map(\.coreShare), variations: profile.ranks.map { $0.stageVariation ?? 0 })
    }
}

/// Seconds of exchanges, as they were measured, and if no rank shared a core.
private struct ExchangeSeconds {
    static let none = ExchangeSeconds(measured: 0, alone: 0)

    var measured: Double
    var alone: Double
}

/// Sums up stages.
private struct Tally {
    private(set) var prediction: Prediction
    private let coreShares: [Double]  // [ranks]
    private let variations: [Double]  // [ranks]

    /// - Parameters:
    ///   - coreShares: the part of the time that ranks have a core.
    ///   - variations: the coefficients of variation of their stages.
    init(coreShares: [Double], variations: [Double]) {
        let none = Prediction.Rank(
            seconds: Dictionary(uniqueKeysWithValues: Phase.allCases.map { ($0, 0) }), waitSeconds: 0)
        prediction = Prediction(
            seconds: 0, ranks: coreShares.map { _ in none }, secondsAlone: 0, exchangeSecondsAlone: 0)
        (self.coreShares, self.variations) = (coreShares, variations)
    }

    /// What each rank does until they meet, and what they exchange then, `count` times.
    ///
    /// - Parameter slowest: seconds until all are done, where that is more than what any takes on average.
    mutating func add(_ times: [[Phase: Double]], slowest: Double? = nil, exchange: ExchangeSeconds, count: Int) {
        let own = times.map { $0.values.reduce(0, +) }
        let longest = own.max() ?? 0
        let alone = zip(own, coreShares).map { $0 * $1 }.max() ?? 0
        let chosen = max(longest, slowest ?? 0)
        // What a critical path is held against is a mean over tokens, which knows no chance.
        let delay = chosen - longest
        let slowest = max(chosen, Meeting.expectedSeconds(means: own, variations: variations))
        prediction.seconds += Double(count) * slowest
        prediction.secondsAlone += Double(count) * (alone + delay * (longest > 0 ? alone / longest : 1))
        for rank in times.indices {
            for (phase, seconds) in times[rank] {
                prediction.ranks[rank].seconds[phase, default: 0] += Double(count) * seconds
            }
            prediction.ranks[rank].waitSeconds += Double(count) * (slowest - own[rank])
        }
        self.exchange(exchange, count: count)
    }

    /// An exchange that no rank comes late to.
    mutating func exchange(_ seconds: ExchangeSeconds, count: Int) {
        prediction.seconds += Double(count) * seconds.measured
        prediction.secondsAlone += Double(count) * seconds.alone
        prediction.exchangeSecondsAlone += Double(count) * seconds.alone
        for rank in prediction.ranks.indices {
            prediction.ranks[rank].seconds[.communication, default: 0] += Double(count) * seconds.measured
        }
    }
}
