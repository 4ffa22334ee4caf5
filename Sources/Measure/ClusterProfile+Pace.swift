import Blueprint
package import Compute
package import Partition

/// How fast a rank's machine is, as a part of what it was when its profile was measured.
///
/// Machines that others share are faster in one minute than in the next. A prediction from the profile as it would have
/// been at the pace around a test leaves only what the model of costs gets wrong.
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

/// What a profile predicts for a test.
package struct TimedPrediction: Sendable {
    /// From the profile as it is.
    package var byProfile: Prediction
    /// At the machines' pace around the test.
    package var atPace: Prediction

    /// Both predictions.
    package init(byProfile: Prediction, atPace: Prediction) {
        (self.byProfile, self.atPace) = (byProfile, atPace)
    }
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
        var rank = self
        let hasTiles = instructionSet == InstructionSet.amx.rawValue
        let hasBFloats = peaks.contains { $0.factors == Factors.bf16.rawValue }
        rank.readBandwidth *= pace.reading
        rank.peaks = peaks.map { peak in
            var peak = peak
            peak.operationsPerSecond *= Factors(rawValue: peak.factors).map { pace.computing($0) } ?? 1
            return peak
        }
        rank.products = products.map { product in
            let factors = Factors.ofProducts(
                isGrouped: product.isGrouped, isBFloat: product.encoding == Scalar.bf16.rawValue, product.math,
                hasBFloats: hasBFloats, hasTiles: hasTiles)
            let multiplying = pace.computing(factors == .bf16 && hasTiles ? .f32 : factors)
            return product.at(reading: pace.reading, multiplying: multiplying, pace.computing())
        }
        rank.attention = attention.map { attention in
            var attention = attention
            attention.tokenBytesPerSecond *= pace.reading
            attention.chunkOperationsPerSecond *= pace.computing()
            return attention
        }
        rank.secondsPerElement /= pace.computing()
        rank.secondsPerLayer /= pace.computing()
        return rank
    }
}

extension ProductProfile {
    fileprivate func at(reading: Double, multiplying: Double, _ computing: Double) -> ProductProfile {
        var product = self
        product.tokenBytesPerSecond *= reading
        product.tokenSeconds /= computing
        product.chunkOperationsPerSecond *= multiplying
        product.chunkSecondsPerByte /= computing
        product.chunkSecondsPerResult /= computing
        product.chunkSecondsPerInput /= computing
        return product
    }
}

extension Factors {
    /// What products of many tokens multiply on machines that have instructions for products of bf16, or tiles of them.
    static func ofProducts(
        isGrouped: Bool, isBFloat: Bool, _ math: Math, hasBFloats: Bool, hasTiles: Bool
    ) -> Factors {
        switch math {
        case .precise: .f32
        case .fast where isGrouped: hasTiles ? .bf16 : .int8
        case .fast: isBFloat && hasBFloats ? .bf16 : .f32
        }
    }
}
