package import Compute
package import Partition

extension ClusterProfile {
    /// How machines are not as they were when the profile was measured: a sentence for reading and one for computing,
    /// each of the rank that differs most, where it differs by more than a tenth and twice its figure's spread.
    ///
    /// - Parameters:
    ///   - readings: bytes per second of each rank, measured now and then.
    ///   - peaks: operations per second of each rank, likewise.
    package func departures(readings: [[Double]], peaks: [[[Factors: Double]]]) -> [String] {
        let reading = ranks.indices.compactMap { rank -> Departure? in
            let then = ranks[rank]
            return Departure(rank: rank, now: readings.map { $0[rank] }, then: then.readBandwidth, then.readSpread)
        }
        let computing = ranks.indices.flatMap { rank in
            ranks[rank].peaks.compactMap { peak in
                let factors = Factors(rawValue: peak.factors)
                let now = peaks.compactMap { all in factors.flatMap { all[rank][$0] } }
                return Departure(rank: rank, now: now, then: peak.operationsPerSecond, peak.spread)
            }
        }
        func sentence(_ all: [Departure], _ does: String, _ unit: String) -> String? {
            all.max { $0.size < $1.size }.map { $0.sentence(on: ranks[$0.rank].host, does, unit) }
        }
        return [sentence(reading, "reads", "GB/s"), sentence(computing, "computes", "Gop/s at best")].compactMap { $0 }
    }
}

/// A figure of a rank that is not what it was.
private struct Departure {
    let rank: Int
    private let now: Double
    private let then: Double
    private let spread: Double

    // Less does not spoil predictions.
    private static let leastSize = 0.1

    /// Nil where the median is about what it was, or nothing was measured.
    init?(rank: Int, now: [Double], then: Double, _ spread: Double) {
        guard !now.isEmpty else { return nil }
        (self.rank, self.now, self.then, self.spread) = (rank, BenchmarkReport.Spread(now).median, then, spread)
        guard size > max(2 * spread, Self.leastSize) else { return nil }
    }

    /// How far it is from what it was, as a part of that.
    var size: Double { abs(now / then - 1) }

    func sentence(on host: String, _ does: String, _ unit: String) -> String {
        "rank \(rank) on \(host) \(does) \(Figure.giga(now)) \(unit), and did \(Figure.giga(then)) (give or take "
            + "\(Figure.percent(spread))) when it was measured, so predictions are off"
    }
}
