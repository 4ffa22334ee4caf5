import Compute
import Engine
import Foundation
import Testing

/// The choice of a token against the definition, written out anew.
struct SamplingTests {
    /// Logits of a small vocabulary, best first.
    private let candidates: [Candidate] = [2.5, 2.0, 1.0, 0.5, 0.4, -1, -3].enumerated().map {
        Candidate(logit: $0.element, id: Int32($0.offset))
    }

    private var probabilities: [Double] {
        let weights = candidates.map { exp(Double($0.logit)) }
        return weights.map { $0 / weights.reduce(0, +) }
    }

    private var normaliser: Double { log(candidates.reduce(0) { $0 + exp(Double($1.logit)) }) }

    /// How often each token is chosen at many positions.
    private func frequencies(_ sampling: Sampling, draws: Int = 20_000) -> [Double] {
        var counts = [Int](repeating: 0, count: candidates.count)
        for position in 0..<draws {
            if let token = sampling.choice(among: candidates, floor: nil, normaliser: normaliser, position: position) {
                counts[token] += 1
            }
        }
        return counts.map { Double($0) / Double(draws) }
    }

    @Test func choicesFollowTheProbabilitiesOfTheAllowedTokens() {
        let cases: [(Sampling, allowed: Set<Int>)] = [
            (Sampling(temperature: 1, topK: 3), [0, 1, 2]),
            (Sampling(temperature: 1, topK: 7), [0, 1, 2, 3, 4, 5, 6]),
            // The best three reach 0.47 + 0.29 + 0.11, the best two 0.76.
            (Sampling(temperature: 1, topP: 0.8), [0, 1, 2]),
            (Sampling(temperature: 1, topP: 0.4), [0]),
            // exp(0.5 - 2.5) is 0.135, exp(0.4 - 2.5) is 0.122.
            (Sampling(temperature: 1, minP: 0.13), [0, 1, 2, 3]),
            (Sampling(temperature: 1, topK: 2, minP: 0.01), [0, 1]),
        ]
        for (sampling, allowed) in cases {
            let total = allowed.reduce(0) { $0 + probabilities[$1] }
            for (token, frequency) in frequencies(sampling).enumerated() {
                let expected = allowed.contains(token) ? probabilities[token] / total : 0
                #expect(abs(frequency - expected) < 0.015, "\(sampling): token \(token)")
                if expected == 0 { #expect(frequency == 0, "\(sampling): token \(token)") }
            }
        }
    }

    @Test func tooFewCandidatesAreNoticed() {
        let nucleus = Sampling(temperature: 1, topP: 0.99)
        #expect(
            nucleus.choice(among: Array(candidates.prefix(3)), floor: 1.0, normaliser: normaliser, position: 0) == nil)
        let narrow = Sampling(temperature: 1, topP: 0.6)
        let few = Array(candidates.prefix(3))
        let chosen = narrow.choice(among: few, floor: 1.0, normaliser: normaliser, position: 0)
        #expect(chosen == narrow.choice(among: candidates, floor: nil, normaliser: normaliser, position: 0))
        #expect(chosen != nil)
        // The cut lies at the floor itself: a token outside may be as good.
        let atFloor = Sampling(temperature: 1, topP: 0.8)
        #expect(atFloor.choice(among: few, floor: 1.0, normaliser: normaliser, position: 0) == nil)
    }

    @Test func theBestFewAreCertainWhereEachRankOffersAsMany() {
        // A rank that holds all of the best offers just these: the floor is the last of them.
        let few = Sampling(temperature: 1, topK: 3)
        let chosen = few.choice(among: Array(candidates.prefix(3)), floor: 1.0, normaliser: 0, position: 5)
        #expect(chosen != nil)
        #expect(chosen == few.choice(among: candidates, floor: nil, normaliser: 0, position: 5))
        // Ranks do not offer as many as this: the best 1000 are not all known, so no nucleus among them is.
        let many = Sampling(temperature: 1, topK: 1000, topP: 0.5)
        #expect(many.choice(among: candidates, floor: -3, normaliser: 0, position: 5) == nil)
        #expect(many.choice(among: candidates, floor: nil, normaliser: 0, position: 5) != nil)
    }

    @Test func greedyTakesTheBestWhateverTheSeed() {
        for seed in 0..<50 as Range<UInt64> {
            let sampling = Sampling(seed: seed)
            #expect(sampling.choice(among: candidates, floor: nil, normaliser: 0, position: Int(seed)) == 0)
        }
    }

    @Test func noiseIsStandardGumbelAndDependsOnSeedPositionAndToken() {
        let sampling = Sampling(temperature: 1, seed: 7)
        let draws = (0..<200).flatMap { position in (0..<200).map { sampling.noise(position: position, token: $0) } }
        let mean = draws.reduce(0, +) / Double(draws.count)
        let variance = draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(draws.count)
        // Euler's constant, and pi squared over six.
        #expect(abs(mean - 0.5772) < 0.02)
        #expect(abs(variance - 1.6449) < 0.06)
        #expect(Set(draws).count == draws.count)
        #expect(Sampling(temperature: 1, seed: 8).noise(position: 3, token: 4) != sampling.noise(position: 3, token: 4))
    }

    @Test func settingsOutsideTheirRangeAreRefused() {
        #expect(Sampling().objection == nil)
        for bad in [
            Sampling(temperature: -1), Sampling(temperature: .nan), Sampling(topK: -1), Sampling(topP: 0),
            Sampling(topP: 1.5), Sampling(minP: 2), Sampling(repetitionPenalty: 0), Sampling(temperature: .infinity),
        ] {
            #expect(bad.objection != nil, "\(bad)")
        }
    }
}
