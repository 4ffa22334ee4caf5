public import Blueprint

/// A plan's figures, for programs; the names of the JSON keys are those of the properties and stay as they are.
public struct PlanSummary: Sendable, Hashable, Codable {
    /// The model.
    public struct Model: Sendable, Hashable, Codable {
        /// The name in config.json's `architectures`.
        public var architecture: String
        /// Parameters; a tied head counts once.
        public var parameterCount: Int
        /// Layers.
        public var layerCount: Int
        /// Bytes of each encoding in the weights file, by the encoding's name.
        public var byteCounts: [String: Int]
    }

    /// A range of units, `start` included, `end` excluded.
    public struct Units: Sendable, Hashable, Codable {
        /// The first unit.
        public var start: Int
        /// One past the last unit; `start` where the range is empty.
        public var end: Int

        init(_ range: Range<Int>) {
            start = range.lowerBound
            end = range.upperBound
        }
    }

    /// Experts that follow one another, and the channels that a rank has of each of them.
    public struct Run: Sendable, Hashable, Codable {
        /// The experts.
        public var experts: Units
        /// The channels.
        public var channels: Units
    }

    /// What one rank gets; ranges are those of the first layer.
    public struct Rank: Sendable, Hashable, Codable {
        /// Its number.
        public var rank: Int
        /// Its host, where that is known.
        public var host: String?
        /// The part of the work asked for, of 1.
        public var shareAsked: Double
        /// The part of the weights that it gets, of 1.
        public var shareReached: Double
        /// Query heads.
        public var queryHeads: Units
        /// Key-value heads.
        public var keyValueHeads: Units
        /// Channels of the MLP, or of the shared expert of a mixture.
        public var mlpWidth: Units
        /// Channels of every expert of the first mixture, where only some of them are cut those that it has of any;
        /// absent where there is none.
        public var expertWidth: Units?
        /// Experts of the first mixture, those that it shares with another rank included.
        public var experts: Units?
        /// The same exactly, where only some experts are cut.
        public var expertRuns: [Run]?
        /// Heads with states of the first recurrent mixer; absent where there is none.
        public var stateHeads: Units?
        /// Rows of the embedding and of the head.
        public var vocabulary: Units
        /// Weights in memory.
        public var weightByteCount: Int
        /// The part of them that every rank holds.
        public var replicatedByteCount: Int
        /// Bytes read from the weights file.
        public var fileByteCount: Int
        /// Key-value heads that an earlier rank holds too, summed over layers.
        public var keyValueHeadsHeldTwice: Int
        /// The cache at the full context.
        public var cacheByteCount: Int
        /// The buffers of a forward.
        public var workspaceByteCount: Int
        /// All of it.
        public var peakByteCount: Int
        /// What it puts into the messages of one decoded token, as ``Plan/sentByteCount(rank:)`` counts it.
        public var sentByteCount: Int
        /// The memory that the rank may use, where that is known.
        public var memoryByteCount: Int?
    }

    /// What so many tokens exchange.
    public struct Messages: Sendable, Hashable, Codable {
        /// Tokens.
        public var tokens: Int
        /// Collective operations.
        public var collectives: Int
        /// Bytes of the complete vectors.
        public var byteCount: Int
    }

    /// The model.
    public var model: Model
    /// The number of ranks.
    public var rankCount: Int
    /// How ranks put their parts together.
    public var way: Way
    /// Whether ranges are padded.
    public var split: Cutting
    /// How the vectors of sums travel.
    public var wire: Wire
    /// Positions in the cache.
    public var context: Int
    /// How the cache stores keys and values.
    public var cache: CacheEncoding
    /// Tokens of a prompt computed at a time.
    public var chunk: Int
    /// How much products may round.
    public var math: Math
    /// In rank order.
    public var ranks: [Rank]
    /// One decoded token.
    public var decodedToken: Messages
    /// One full chunk of a prompt.
    public var promptChunk: Messages
    /// What it takes by a cluster's profile, where there is one.
    public var forecast: Forecast?
    /// What a user should know.
    public var remarks: [String]
    /// The hash that ranks compare.
    public var fingerprint: String
}

extension Plan {
    /// The plan's figures.
    public var summary: PlanSummary { summary(hosts: nil) }

    /// The plan's figures, with what it takes by the profile of a cluster of as many ranks.
    ///
    /// - Parameter profile: one that has been checked.
    public func summary(_ profile: ClusterProfile) -> PlanSummary {
        var summary = summary(hosts: profile.ranks.map(\.host))
        let forecast = Forecast(self, profile)
        summary.forecast = forecast
        summary.remarks = (forecast.remark.map { [$0] } ?? []) + summary.remarks
        return summary
    }

    /// The plan's figures.
    ///
    /// - Parameter hosts: the host of each rank, where that is known.
    public func summary(hosts: [String]?) -> PlanSummary {
        precondition(hosts.map { $0.count == rankCount } ?? true, "hosts are named for every rank or for none")
        let chunkTraffic = traffic(tokens: policy.chunk)
        let sharesReached = sharesReached
        let held = (0..<rankCount).map { holdings(rank: $0) }
        let limits = memoryLimits(held.map(\.peakByteCount))
        return PlanSummary(
            model: modelSummary, rankCount: rankCount, way: policy.way, split: policy.cutting,
            wire: policy.wire, context: policy.context, cache: policy.cache, chunk: policy.chunk, math: policy.math,
            ranks: (0..<rankCount).map { rank in
                var summary = rankSummary(
                    rank, held[rank], shareReached: sharesReached[rank], memoryLimit: limits[rank])
                summary.host = hosts?[rank]
                return summary
            },
            decodedToken: PlanSummary.Messages(
                tokens: 1, collectives: decodingTraffic.collectives, byteCount: decodingTraffic.byteCount),
            promptChunk: PlanSummary.Messages(
                tokens: policy.chunk, collectives: chunkTraffic.collectives, byteCount: chunkTraffic.byteCount),
            forecast: nil, remarks: remarks, fingerprint: fingerprint)
    }

    private var modelSummary: PlanSummary.Model {
        var byteCounts: [String: Int] = [:]
        for weight in blueprint.weights {
            let encoding = encoding(of: weight)
            byteCounts[encoding.name, default: 0] += encoding.fileByteCount(
                rows: weight.memberCount * weight.rows, columns: 0..<weight.columns)
        }
        return PlanSummary.Model(
            architecture: blueprint.architecture, parameterCount: blueprint.parameterCount,
            layerCount: blueprint.layers.count, byteCounts: byteCounts)
    }

    private func rankSummary(
        _ rank: Int, _ holdings: Holdings, shareReached: Double, memoryLimit: Int?
    ) -> PlanSummary.Rank {
        func units(_ axis: Axis?) -> PlanSummary.Units {
            PlanSummary.Units(axis.map { split(of: $0)[rank] } ?? 0..<0)
        }
        let runs = mixtures.first.map { self.runs(of: $0, rank: rank) } ?? []
        func cover(_ part: KeyPath<ExpertRun, Range<Int>>) -> PlanSummary.Units? {
            guard let first = runs.first?[keyPath: part] else { return nil }
            return PlanSummary.Units(runs.reduce(first) { range, run in
                let other = run[keyPath: part]
                return min(range.lowerBound, other.lowerBound)..<max(range.upperBound, other.upperBound)
            })
        }
        let isMixed = mixtures.first.map { cut(of: $0) == .mixed } ?? false
        return PlanSummary.Rank(
            rank: rank, shareAsked: shareAsked(rank: rank), shareReached: shareReached,
            queryHeads: units(attentions.first?.queryAxis), keyValueHeads: units(attentions.first?.keyValueAxis),
            mlpWidth: units(mlps.first?.axis), expertWidth: cover(\.channels), experts: cover(\.members),
            expertRuns: isMixed ? runs.map(PlanSummary.Run.init) : nil,
            stateHeads: recurrences.first.map { units($0.axis) }, vocabulary: units(blueprint.vocabularyAxis),
            weightByteCount: holdings.weightByteCount, replicatedByteCount: holdings.replicatedByteCount,
            fileByteCount: holdings.fileByteCount, keyValueHeadsHeldTwice: holdings.keyValueHeadsHeldTwice,
            cacheByteCount: holdings.cacheByteCount, workspaceByteCount: holdings.workspaceByteCount,
            peakByteCount: holdings.peakByteCount, sentByteCount: sentByteCount(rank: rank),
            memoryByteCount: memoryLimit)
    }
}

extension PlanSummary.Run {
    fileprivate init(_ run: ExpertRun) {
        self.init(experts: PlanSummary.Units(run.members), channels: PlanSummary.Units(run.channels))
    }
}
