extension Rotary {
    /// The published values of `low_freq_factor` and `high_freq_factor`.
    private static let lowFactor: Float = 1
    private static let highFactor: Float = 4
    /// Where the factors change fastest, the rounding of a wavelength to float32 counts thirty times.
    private static let tolerance: Float = 1e-4

    /// The scaling that divides the frequencies by these factors; nil where none does.
    ///
    /// The factor is the largest of them, which may be off by a rounding. What is left to find is the length of the
    /// contexts of training: a power of two in every published model, or stated. Where several lengths give the same
    /// factors any of them will do.
    ///
    /// - Parameters:
    ///   - factors: one for each pair, `[size / 2]`.
    ///   - contexts: lengths to try first.
    func scaling(dividingBy factors: [Float], contexts: [Int]) -> Scaling? {
        guard factors.count == size / 2, factors.allSatisfy({ $0 >= 1 && $0.isFinite }) else { return nil }
        guard let largest = factors.max(), largest > 1 else { return Scaling.none }
        let simple = (4 * largest).rounded() / 4
        let factor = abs(simple - largest) <= Self.tolerance * largest ? simple : largest
        for context in contexts + (5...24).map({ 1 << $0 }) {
            let scaling = Scaling.byWavelength(
                factor: factor, lowFactor: Self.lowFactor, highFactor: Self.highFactor, originalContext: context)
            if divides(by: factors, scaling) { return scaling }
        }
        return nil
    }

    /// Whether the scaling divides the frequencies by these factors, up to the rounding of float32.
    private func divides(by factors: [Float], _ scaling: Scaling) -> Bool {
        var scaled = self
        scaled.scaling = scaling
        let plain = inverseFrequencies()
        let stretched = scaled.inverseFrequencies()
        return factors.indices.allSatisfy { pair in
            abs(plain[pair] / stretched[pair] - factors[pair]) <= Self.tolerance * factors[pair]
        }
    }
}

extension Rotary.Scaling {
    /// The members of `rope_parameters` that say the same.
    var members: [String: ConfigurationValue] {
        switch self {
        case .none: ["rope_type": .string("default")]
        case .linear(let factor): ["rope_type": .string("linear"), "factor": .real(Double(factor))]
        case .byTurns(let factor, let fast, let slow, let originalContext, let isRounded):
            [
                "rope_type": .string("yarn"), "factor": .real(Double(factor)), "beta_fast": .real(fast),
                "beta_slow": .real(slow), "original_max_position_embeddings": .integer(originalContext),
                "truncate": .boolean(isRounded),
            ]
        case .byPair(let short, let long, let originalContext):
            [
                "rope_type": .string("longrope"), "original_max_position_embeddings": .integer(originalContext),
                "short_factor": .array(short.map { .real(Double($0)) }),
                "long_factor": .array(long.map { .real(Double($0)) }),
            ]
        case .byWavelength(let factor, let lowFactor, let highFactor, let originalContext):
            [
                "rope_type": .string("llama3"), "factor": .real(Double(factor)),
                "low_freq_factor": .real(Double(lowFactor)), "high_freq_factor": .real(Double(highFactor)),
                "original_max_position_embeddings": .integer(originalContext),
            ]
        }
    }
}
