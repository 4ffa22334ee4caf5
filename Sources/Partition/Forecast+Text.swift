extension Forecast {
    /// Tables for people: a token rank by rank, then the alternatives.
    var text: [String] {
        let token = "a token at position \(position) takes \(Self.milli(tokenSeconds)) ms: "
            + "\(Self.rate(1 / tokenSeconds)) tokens/s"
        let prompt = "a prompt of \(promptTokens) tokens takes \(Self.milli(promptSeconds)) ms: "
            + "\(Self.rate(Double(promptTokens) / promptSeconds)) tokens/s"
        return ["predicted from the profile, in milliseconds of a token:"]
            + Columns.aligned([Self.titles] + ranks.enumerated().map(cells), left: [1]) + ["", token, prompt]
            + (alternatives.isEmpty ? [] : [""] + Columns.aligned([Self.heads] + alternatives.map(cells), left: [0, 3]))
    }

    /// The ranks that only slow the others, in a sentence.
    var remark: String? {
        let fewer = alternatives.filter { ($0.kind == .fewer || $0.kind == .alone) && $0.tokenSeconds != nil }
            .min { ($0.tokenSeconds ?? 0) < ($1.tokenSeconds ?? 0) }
        guard let fewer, let seconds = fewer.tokenSeconds,
            let balanced = alternatives.first(where: { $0.kind == .balanced })?.tokenSeconds, seconds < balanced
        else { return nil }
        let left = ranks.indices.filter { !fewer.ranks.contains($0) }
        let names = left.map { "\($0) (\(ranks[$0].host))" }.joined(separator: ", ")
        return "\(left.count == 1 ? "rank \(names) only slows" : "ranks \(names) only slow") the rest: without "
            + "\(left.count == 1 ? "it" : "them") a token is predicted to take \(Self.milli(seconds)) ms instead of "
            + "\(Self.milli(balanced)) ms; start without \(left.count == 1 ? "it" : "them")"
    }

    private static let phases: [(Phase, String)] = [
        (.attention, "attention"), (.mlp, "MLP"), (.head, "head"), (.rest, "rest"), (.communication, "exchange"),
    ]
    private static let titles = ["rank", "host"] + phases.map(\.1) + ["waiting"]
    private static let heads = ["instead", "tokens/s", "prompt", ""]

    private func cells(_ number: Int, _ rank: Rank) -> [String] {
        ["\(number)", rank.host] + Self.phases.map { Self.milli(rank.seconds[$0.0] ?? 0) }
            + [Self.milli(rank.waitSeconds)]
    }

    private func cells(_ alternative: Alternative) -> [String] {
        [
            name(alternative), alternative.tokenSeconds.map { Self.rate(1 / $0) } ?? "-",
            alternative.promptSeconds.map { Self.rate(Double(promptTokens) / $0) } ?? "-", alternative.refusal ?? "",
        ]
    }

    private func name(_ alternative: Alternative) -> String {
        let numbers = Figure.list(alternative.ranks)
        return switch alternative.kind {
        case .balanced: "by measured speed"
        case .equal: "equal shares"
        case .byMemory: "shares by memory"
        case .fewer: "by measured speed, ranks \(numbers)"
        case .alone: "rank \(numbers) alone"
        case .pipeline where alternative.ranks.count == 1: "a pipeline: rank \(numbers) alone"
        case .pipeline: "a pipeline of ranks \(numbers)"
        }
    }

    private static func milli(_ seconds: Double) -> String {
        Figure.decimal(1000 * seconds, seconds < 0.01 ? 3 : seconds < 1 ? 1 : 0)
    }

    private static func rate(_ value: Double) -> String { Figure.decimal(value, value < 10 ? 2 : value < 1000 ? 1 : 0) }
}
