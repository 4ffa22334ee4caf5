import Blueprint

/// A plan as a table for people, at most 120 columns wide where hosts have short names.
public struct PlanReport: Sendable, Hashable {
    private let summary: PlanSummary

    /// The report of a plan's figures.
    public init(_ summary: PlanSummary) {
        self.summary = summary
    }

    /// Header, one line per rank, traffic, remarks.
    public var text: String {
        let forecast = summary.forecast.map { [""] + $0.text } ?? []
        return (header + [""] + table + [""] + traffic + forecast + remarks).joined(separator: "\n") + "\n"
    }

    private var header: [String] {
        let model = summary.model
        let encodings = model.byteCounts.sorted { $0.key < $1.key }
            .map { "\(Figure.bytes($0.value)) in \($0.key)" }.joined(separator: " and ")
        let split =
            switch summary.split {
            case .uneven: "uneven"
            case .padded: "padded"
            }
        let wire = summary.wire == .f32 ? "" : ", wire \(summary.wire.rawValue)"
        return [
            "model    \(model.architecture), \(Figure.layers(model.layerCount)), "
                + "\(Figure.grouped(model.parameterCount)) parameters, \(encodings)",
            "plan     \(summary.rankCount) \(summary.rankCount == 1 ? "rank" : "ranks"), way \(summary.way.rawValue), "
                + "split \(split)\(wire), context \(summary.context) in \(summary.cache.rawValue), "
                + "chunk \(summary.chunk), math \(summary.math.rawValue), fingerprint \(summary.fingerprint)",
        ]
    }

    private var table: [String] {
        let rows = Self.titles + summary.ranks.map(cells)
        let used = Self.titles[0].indices.filter { column in
            switch column {
            case Self.hostColumn: summary.ranks.contains { $0.host != nil }
            case Self.stateColumn: summary.ranks.contains { $0.stateHeads != nil }
            case Self.expertColumn, Self.expertColumn + 1: summary.ranks.contains { $0.experts != nil }
            default: true
            }
        }
        let cells = rows.map { row in used.map { row[$0] } }
        let left = Set(used.indices.filter { used[$0] == Self.hostColumn })
        let lines = Columns.aligned(cells, left: left)
        let isWide = lines.contains { $0.count > Self.lineLength }
        return isWide ? Columns.aligned(cells, left: left, gap: " ") : lines
    }

    private static let lineLength = 120
    private static let hostColumn = 1
    private static let stateColumn = 6
    private static let expertColumn = 8
    private static let titles = [
        ["", "", "share", "share", "", "key-", "", "", "", "of", "", "", "", "", "", "", "sends"],
        [
            "", "", "asked", "got", "query", "value", "state", "MLP", "", "each", "vocabulary", "", "of it", "", "", "",
            "per",
        ],
        [
            "rank", "host", "in %", "in %", "heads", "heads", "heads", "channels", "experts", "channels", "rows",
            "weights", "on all", "cache",
            "buffers", "peak", "token",
        ],
    ]

    private func cells(_ rank: PlanSummary.Rank) -> [String] {
        [
            "\(rank.rank)", Self.shortened(rank.host ?? ""), Figure.decimal(100 * rank.shareAsked, 1),
            Figure.decimal(100 * rank.shareReached, 1), Self.range(rank.queryHeads), Self.range(rank.keyValueHeads),
            rank.stateHeads.map(Self.range) ?? "", Self.range(rank.mlpWidth), rank.experts.map(Self.range) ?? "",
            Self.channels(rank), Self.range(rank.vocabulary), Figure.bytes(rank.weightByteCount),
            Figure.bytes(rank.replicatedByteCount), Figure.bytes(rank.cacheByteCount),
            Figure.bytes(rank.workspaceByteCount), Figure.bytes(rank.peakByteCount), Figure.bytes(rank.sentByteCount),
        ]
    }

    /// First and last unit.
    private static func range(_ units: PlanSummary.Units) -> String {
        switch units.end - units.start {
        case ..<1: "none"
        case 1: "\(units.start)"
        default: "\(units.start)-\(units.end - 1)"
        }
    }

    /// The channels of every expert; where they differ, the first of the first expert and the last of the last.
    private static func channels(_ rank: PlanSummary.Rank) -> String {
        guard let runs = rank.expertRuns, runs.count > 1, let first = runs.first, let last = runs.last else {
            return rank.expertWidth.map(range) ?? ""
        }
        return "\(first.channels.start)…\(last.channels.end - 1)"
    }

    private static func shortened(_ host: String) -> String {
        host.count > 16 ? String(host.prefix(15)) + "…" : host
    }

    private var traffic: [String] {
        let choice = summary.rankCount > 1 ? " (greedy; top-p or min-p without top-k adds 2)" : ""
        return [
            line("a decoded token", summary.decodedToken) + choice,
            line("a prompt chunk of \(summary.chunk)", summary.promptChunk),
        ]
    }

    private func line(_ name: String, _ messages: PlanSummary.Messages) -> String {
        "\(name) exchanges \(Figure.bytes(messages.byteCount)) in \(messages.collectives) messages"
    }

    private var remarks: [String] {
        summary.remarks.isEmpty ? [] : [""] + summary.remarks.flatMap(Self.wrapped)
    }

    /// A remark as lines of at most the line length, the first with a bullet.
    private static func wrapped(_ remark: String) -> [String] {
        var lines: [String] = []
        var line = "-"
        for word in remark.split(separator: " ") {
            if line.count + 1 + word.count > lineLength {
                lines.append(line)
                line = " "
            }
            line += " " + word
        }
        return lines + [line]
    }
}

extension Plan {
    /// The plan as a table for people.
    ///
    /// - Parameter hosts: the host of each rank, where that is known.
    public func report(hosts: [String]?) -> String { PlanReport(summary(hosts: hosts)).text }
}
