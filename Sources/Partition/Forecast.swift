import Blueprint

/// What a plan takes by a cluster's profile, beside other ways to run the same model on the same ranks; the names of
/// the JSON keys are those of the properties and stay as they are.
public struct Forecast: Sendable, Hashable, Codable {
    /// What a rank does for a decoded token.
    public struct Rank: Sendable, Hashable, Codable {
        /// The host that was measured.
        public var host: String
        /// Seconds of each phase, by its name; `communication` without waiting.
        public var seconds: [Phase: Double]
        /// Seconds that it waits for slower ranks.
        public var waitSeconds: Double
    }

    /// Another way to run the model.
    public struct Alternative: Sendable, Hashable, Codable {
        /// What is shared out, and how.
        public enum Kind: String, Sendable, Hashable, Codable {
            /// By measured speed, within every rank's memory.
            case balanced
            /// The same work for every rank.
            case equal
            /// Work in proportion to memory.
            case byMemory
            /// One rank holds everything: the fastest that can.
            case alone
            /// By measured speed, without the ranks that slow the rest.
            case fewer
            /// Whole layers, one rank after the other: for one sequence no two ranks ever work at once.
            case pipeline
        }

        /// Which way.
        public var kind: Kind
        /// The ranks that take part.
        public var ranks: [Int]
        /// Seconds of a decoded token; nil where it cannot work.
        public var tokenSeconds: Double?
        /// Seconds of the prompt; nil where it cannot work or is not predicted.
        public var promptSeconds: Double?
        /// Why it cannot work.
        public var refusal: String?
    }

    /// Tokens before the decoded one.
    public var position: Int
    /// Seconds of a decoded token.
    public var tokenSeconds: Double
    /// Tokens of the prompt.
    public var promptTokens: Int
    /// Seconds of the prompt, the choice of the token after it included.
    public var promptSeconds: Double
    /// In rank order.
    public var ranks: [Rank]
    /// In the order in which they are printed.
    public var alternatives: [Alternative]
}

extension Forecast {
    /// - Parameters:
    ///   - plan: for as many ranks as the profile has.
    ///   - profile: one that has been checked.
    public init(_ plan: Plan, _ profile: ClusterProfile) {
        let model = CostModel(plan, profile)
        position = Planner.position(plan.policy)
        promptTokens = min(plan.policy.chunk, plan.policy.context)
        let token = model.decodedToken(position: position)
        tokenSeconds = token.seconds
        promptSeconds = model.prompt(tokens: promptTokens).seconds
        ranks = zip(profile.ranks, token.ranks).map {
            Rank(host: $0.host, seconds: $1.seconds, waitSeconds: $1.waitSeconds)
        }
        alternatives = Comparison(plan, profile, position: position, promptTokens: promptTokens).alternatives
    }
}

/// Other plans of the same model for the same ranks, or for some of them.
private struct Comparison {
    private let plan: Plan
    private let profile: ClusterProfile
    private let position: Int
    private let promptTokens: Int

    init(_ plan: Plan, _ profile: ClusterProfile, position: Int, promptTokens: Int) {
        self.plan = plan
        self.profile = profile
        self.position = position
        self.promptTokens = promptTokens
    }

    var alternatives: [Forecast.Alternative] {
        let all = Array(profile.ranks.indices)
        guard all.count > 1 else { return [] }
        let given = [
            shared(.equal, shares: all.map { _ in 1 }),
            shared(.byMemory, shares: limits(all).map { Double(max(1, $0)) }),
        ]
        guard plan.policy.cutting == .uneven else { return given + [alone, pipeline] }
        let (balanced, best) = balanced(.balanced, all)
        return [balanced] + given + (best.map { fewer(than: $0, balanced) } ?? []) + [alone, pipeline]
    }

    private func limits(_ ranks: [Int]) -> [Int] {
        ranks.map { min(profile.ranks[$0].memoryByteCount, plan.policy.memoryByteCounts?[$0] ?? .max) }
    }

    /// The policy for some of the ranks, each limited by itself.
    private func policy(_ ranks: [Int]) -> Policy {
        var policy = plan.policy
        policy.shares = ranks.map { _ in 1 }
        policy.counts = [:]
        policy.memoryByteCounts = limits(ranks)
        policy.sharedMemory = plan.policy.sharedMemory.compactMap { pool in
            let own = pool.ranks.compactMap { ranks.firstIndex(of: $0) }
            return own.isEmpty ? nil : SharedMemory(ranks: own, byteCount: pool.byteCount)
        }
        return policy
    }

    /// What a plan for some of the ranks takes, if it can work.
    private func alternative(
        _ kind: Forecast.Alternative.Kind, _ ranks: [Int], _ plan: Plan
    ) -> Forecast.Alternative {
        var alternative = Forecast.Alternative(kind: kind, ranks: ranks)
        if let (rank, limit) = plan.firstRankOverItsLimit {
            alternative.refusal = "rank \(ranks[rank]) would hold "
                + "\(Figure.bytes(plan.holdings(rank: rank).peakByteCount)) and may use \(Figure.bytes(limit))"
            return alternative
        }
        let model = CostModel(plan, profile.keeping(ranks))
        alternative.tokenSeconds = model.decodedToken(position: position).seconds
        alternative.promptSeconds = model.prompt(tokens: promptTokens).seconds
        return alternative
    }

    private func balanced(_ kind: Forecast.Alternative.Kind, _ ranks: [Int]) -> (Forecast.Alternative, Plan?) {
        let planner = Planner(plan.blueprint, policy: policy(ranks), profile: profile.keeping(ranks)) {
            plan.encoding(of: $0)
        }
        do throws(PartitionError) {
            let plan = try planner.plan()
            return (alternative(kind, ranks, plan), plan)
        } catch {
            // Of a shortage of memory its first half: advice is for the plan that was asked for.
            let refusal = error.description.prefix { $0 != "(" && $0 != ";" }
            return (Forecast.Alternative(kind: kind, ranks: ranks, refusal: String(refusal)), nil)
        }
    }

    private func shared(_ kind: Forecast.Alternative.Kind, shares: [Double]) -> Forecast.Alternative {
        let ranks = Array(shares.indices)
        var policy = policy(ranks)
        policy.shares = shares
        return alternative(kind, ranks, Plan(unchecked: plan.blueprint, policy, plan.encodings))
    }

    /// Without the rank with the least work, and on as long as that makes a token faster.
    private func fewer(than best: Plan, _ balanced: Forecast.Alternative) -> [Forecast.Alternative] {
        var (current, plan, ranks) = (balanced, best, balanced.ranks)
        var found: [Forecast.Alternative] = []
        while ranks.count > 2, let least = plan.policy.shares.indices.min(by: {
            (plan.policy.shares[$0], -$0) < (plan.policy.shares[$1], -$1)
        }) {
            ranks.remove(at: least)
            let (next, itsPlan) = self.balanced(.fewer, ranks)
            if found.isEmpty { found = [next] }
            guard let itsPlan, let seconds = next.tokenSeconds, seconds < current.tokenSeconds ?? .infinity
            else { break }
            (found, current, plan) = ([next], next, itsPlan)
        }
        return found
    }

    /// The fastest rank that can hold everything.
    private var alone: Forecast.Alternative {
        let all = profile.ranks.indices.map { rank in
            alternative(.alone, [rank], Plan(unchecked: plan.blueprint, policy([rank]), plan.encodings))
        }
        let working = all.filter { $0.tokenSeconds != nil }
            .min { ($0.tokenSeconds ?? 0, $0.ranks[0]) < ($1.tokenSeconds ?? 0, $1.ranks[0]) }
        let largest = all.max { limits($0.ranks)[0] < limits($1.ranks)[0] }
        return working ?? largest ?? Forecast.Alternative(kind: .alone, ranks: [])
    }

    /// As many layers as fit on the fastest rank, then on the next one; a token goes through all, and back.
    private var pipeline: Forecast.Alternative {
        var unlimited = policy([0])
        unlimited.memoryByteCounts = nil
        unlimited.sharedMemory = []
        let whole = Plan(unchecked: plan.blueprint, unlimited, plan.encodings)
        let holdings = whole.holdings(rank: 0)
        let layers = Double(holdings.weightByteCount + holdings.cacheByteCount)
        let alone = profile.ranks.indices.map {
            CostModel(whole, profile.keeping([$0])).decodedToken(position: position).seconds
        }
        var (left, seconds, used) = (1.0, 0.0, [Int]())
        for rank in profile.ranks.indices.sorted(by: { (alone[$0], $0) < (alone[$1], $1) }) where left > 0 {
            let room = Double(limits([rank])[0] - holdings.workspaceByteCount) / layers
            let part = min(left, max(0, room))
            guard part > 0 else { continue }
            seconds += part * alone[rank]
            left -= part
            used.append(rank)
        }
        guard left <= 1e-9 else {
            return Forecast.Alternative(
                kind: .pipeline, ranks: used,
                refusal: "all ranks together lack \(Figure.bytes(Int(left * layers)))")
        }
        if used.count > 1 {
            let stream = Scalar.f32.byteCount(plan.blueprint.width)
            for (from, to) in zip(used, used.dropFirst() + [used[0]]) {
                seconds += profile.messageSeconds(from: from, to: to, byteCount: stream)
            }
        }
        return Forecast.Alternative(kind: .pipeline, ranks: used.sorted(), tokenSeconds: seconds)
    }
}
