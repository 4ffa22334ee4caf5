/// What the rounds of a sweep come to.
extension ScalingReport {
    /// The rows of each division, which these are in the order of.
    ///
    /// - Parameter bases: what speed-ups are over, by round.
    static func rows(_ points: [ScalingPoint], bases: [Int: ScalingRun]) -> [Row] {
        var divisions: [[ScalingPoint]] = []
        for point in points {
            if divisions.last?[0].isSameDivision(as: point) ?? false {
                divisions[divisions.count - 1].append(point)
            } else {
                divisions.append([point])
            }
        }
        return divisions.flatMap { points in
            let runs = points.compactMap { point in point.run.map { (point.round, $0) } }
            let measured = distinct(runs.flatMap { $0.1.tests.map(\.name) }).map { name in
                row(points[0], name, runs.compactMap { Figures($1, test: name, base: bases[$0]) })
            }
            return measured + points.compactMap(failure)
        }
    }

    /// The row of one kind of forward, which was measured in at least one round.
    private static func row(_ point: ScalingPoint, _ name: String, _ rounds: [Figures]) -> Row {
        let middle = rounds.sorted { $0.rate < $1.rate }[(rounds.count - 1) / 2]
        var row = Row(point)
        row.hosts = middle.machines.map(\.host)
        row.threads = middle.machines.map(\.threads)
        row.test = name
        row.rounds = rounds.count
        var speed = middle.test.tokensPerSecond
        for other in rounds.map(\.test.tokensPerSecond) {
            (speed.least, speed.greatest) = (min(speed.least, other.least), max(speed.greatest, other.greatest))
        }
        row.tokensPerSecond = speed
        row.secondsPerToken = middle.test.secondsPerToken
        row.speedUps = rounds.compactMap(\.speedUp)
        row.speedUp = middleSpeed(row.speedUps)
        row.criticalPathSpeedUp = middleSpeed(rounds.compactMap(\.criticalPathSpeedUp))
        row.phaseSecondsPerToken = middle.test.phaseSeconds
        row.imbalance = middle.test.imbalance
        row.slowestRank = middle.test.slowestRank
        row.criticalPathSecondsPerToken = middleTime(rounds.map(\.test.criticalPathSeconds), of: rounds)
        row.predictedSecondsPerToken = middleTime(rounds.map(\.test.predictedSeconds), of: rounds)
        row.predictedCriticalPathSecondsPerToken = middleTime(
            rounds.map(\.test.predictedCriticalPathSeconds), of: rounds)
        return row
    }

    private static func failure(_ point: ScalingPoint) -> Row? {
        guard case .failed(let message) = point.outcome else { return nil }
        var row = Row(point)
        row.message = point.round == 1 ? message : "round \(point.round): \(message)"
        return row
    }

    /// The median of speeds, of an even number the slower of the middle two; nil of none.
    private static func middleSpeed(_ speeds: [Double]) -> Double? {
        speeds.isEmpty ? nil : speeds.sorted()[(speeds.count - 1) / 2]
    }

    /// The same of times: seconds for a token, from those of each round's forward.
    private static func middleTime(_ seconds: [Double?], of rounds: [Figures]) -> Double? {
        let times = zip(seconds, rounds).compactMap { seconds, round in seconds.map(round.test.perToken) }
        return times.isEmpty ? nil : times.sorted()[times.count / 2]
    }
}

/// One kind of forward in one round, and in the run of that round that speed-ups are over.
private struct Figures {
    var machines: [ScalingRun.Machine]
    var test: ScalingRun.Test
    var base: ScalingRun.Test?

    /// Nil where the run has no such test.
    init?(_ run: ScalingRun, test name: String, base: ScalingRun?) {
        guard let test = run.test(name) else { return nil }
        (machines, self.test, self.base) = (run.machines, test, base?.test(name))
    }

    var rate: Double { test.tokensPerSecond.median }

    var speedUp: Double? { base.map { rate / $0.tokensPerSecond.median } }

    var criticalPathSpeedUp: Double? {
        guard let base, let seconds = test.criticalPathSeconds else { return nil }
        return base.secondsPerToken / test.perToken(seconds)
    }
}

extension ScalingReport.Row {
    fileprivate init(_ point: ScalingPoint) {
        (ranks, division, shares) = (point.ranks, point.division, point.shares)
    }
}
