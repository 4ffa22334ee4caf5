import Blueprint
package import Compute
package import Partition

/// How fast a rank's machine is, as a part of what it was when its profile was measured.
///
/// Machines that others share are faster in one minute than in the next: a prediction from the profile as it would have
/// been at the pace of a test is not held against that, though against what links have become.
package struct Pace: Sendable, Hashable {
    /// Reading memory.
    package var reading: Double
    /// Multiplying at best; kinds of factors that were not measured both times are absent.
    package var computing: [Factors: Double]

    /// What a rank reads and computes now, held against its profile.
    ///
    /// - Parameters:
    ///   - reading: bytes per second; nil where they were not measured.
    ///   - peaks: operations per second.
    package init(of rank: RankProfile, reading: Double?, peaks: [Factors: Double]) {
        self.reading = reading.map { $0 / rank.readBandwidth } ?? 1
        computing = [:]
        for peak in rank.peaks {
            guard let factors = Factors(rawValue: peak.factors), let now = peaks[factors], now > 0 else { continue }
            computing[factors] = now / peak.operationsPerSecond
        }
    }

    /// That of multiplying these factors, or of f32 for all else that is computed.
    fileprivate func computing(_ factors: Factors = .f32) -> Double { computing[factors] ?? computing[.f32] ?? 1 }
}

extension ClusterProfile {
    /// The profile as it would have been had each rank's machine had such a pace; links and collectives are as they
    /// were.
    package func at(_ paces: [Pace]) -> ClusterProfile {
        var profile = self
        profile.ranks = zip(ranks, paces).map { $0.at($1) }
        return profile
    }
}

extension RankProfile {
    /// What comes from memory goes with reading, products of many tokens with their factors' peak, the rest with that
    /// of f32; so do products by tiles, which wait for what fills the tiles.
    fileprivate func at(_ pace: Pace) -> RankProfile {
        let hasTiles = instructionSet == InstructionSet.amx.rawValue
        var rank = faster(reading: pace.reading, computing: pace.computing()) { product in
            let factors = Factors.ofProducts(
                isGrouped: product.isGrouped, isBFloat: product.encoding == Scalar.bf16.rawValue, product.math,
                hasBFloats: pace.computing[.bf16] != nil, hasTiles: hasTiles)
            return factors == .bf16 && hasTiles ? nil : pace.computing(factors)
        }
        for index in peaks.indices {
            rank.peaks[index].operationsPerSecond *= Factors(rawValue: peaks[index].factors).map(pace.computing) ?? 1
        }
        return rank
    }
}
