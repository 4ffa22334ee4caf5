import Foundation

/// Rotary position embedding: pairs of channels turned by an angle that grows with the position.
///
/// Su et al., RoFormer, 2021. Channel `i` is paired with channel `i + size / 2`.
public struct Rotary: Hashable, Sendable {
    /// How the frequencies are stretched for contexts longer than those of training.
    public enum Scaling: Hashable, Sendable {
        /// As trained.
        case none
        /// Every frequency divided by `factor`.
        case linear(factor: Float)
        /// Low frequencies divided by `factor`, high ones kept, those between interpolated
        /// (`_compute_llama3_parameters` in transformers' `modeling_rope_utils.py`).
        case byWavelength(factor: Float, lowFactor: Float, highFactor: Float, originalContext: Int)
        /// Frequencies of pairs that turn at least `fast` times in the context of training kept, of those that turn at
        /// most `slow` times divided by `factor`, those between interpolated (Peng et al., YaRN, 2023).
        case byTurns(factor: Float, fast: Double, slow: Double, originalContext: Int, isRounded: Bool)
        /// Each frequency divided by a factor of its own: those of `long` as soon as a sequence is longer than the
        /// context of training (Ding et al., LongRoPE, 2024).
        case byPair(short: [Float], long: [Float], originalContext: Int)
    }

    /// Channels that turn; the rest of a head passes through.
    public var size: Int
    /// The base of the geometric series of frequencies.
    public var theta: Double
    /// The stretching.
    public var scaling: Scaling
    /// What cosines and sines are multiplied by.
    public var attentionFactor: Float

    /// A rotation of `size` channels of each head.
    public init(size: Int, theta: Double, scaling: Scaling = .none, attentionFactor: Float = 1) {
        self.size = size
        self.theta = theta
        self.scaling = scaling
        self.attentionFactor = attentionFactor
    }

    /// The longest sequence that turns by the first frequencies; nil where these are for all.
    public var longFrom: Int? {
        if case .byPair(_, _, let originalContext) = scaling { originalContext } else { nil }
    }

    /// Tables of cosines and sines: two where long sequences turn by other frequencies than short ones.
    public var tableCount: Int { longFrom == nil ? 1 : 2 }

    /// Radians per position of each pair, `[size / 2]`, in float32 as the reference computes them.
    ///
    /// - Parameter isLong: whether the sequence is longer than ``longFrom``.
    public func inverseFrequencies(isLong: Bool = false) -> [Float] {
        (0..<size / 2).map { pair in
            let exponent = Float(2 * pair) / Float(size)
            if case .byPair(let short, let long, _) = scaling {
                return 1 / ((isLong ? long : short)[pair] * Float(pow(theta, Double(exponent))))
            }
            let plain = 1 / Float(pow(theta, Double(exponent)))
            return stretched(plain, pair: pair)
        }
    }

    private func stretched(_ frequency: Float, pair: Int) -> Float {
        switch scaling {
        case .none, .byPair: return frequency
        case .byTurns(let factor, let fast, let slow, let originalContext, let isRounded):
            // The pair that turns so many times in the context of training.
            func place(_ turns: Double) -> Double {
                Double(size) * log(Double(originalContext) / (turns * 2 * .pi)) / (2 * log(theta))
            }
            let (low, high) =
                isRounded ? (place(fast).rounded(.down), place(slow).rounded(.up)) : (place(fast), place(slow))
            let (first, last) = (max(low, 0), min(high, Double(size - 1)))
            let span = first == last ? 0.001 : last - first
            let ramp = min(max((Float(pair) - Float(first)) / Float(span), 0), 1)
            return frequency / factor * ramp + frequency * (1 - ramp)
        case .linear(let factor): return frequency / factor
        case .byWavelength(let factor, let lowFactor, let highFactor, let originalContext):
            // Rounded once: `Float.pi` is rounded down, so that its double is a bit below the nearest.
            let wavelength = Float(2 * Double.pi) / frequency
            let original = Float(originalContext)
            if wavelength > original / lowFactor { return frequency / factor }
            if wavelength < original / highFactor { return frequency }
            let smooth = (original / wavelength - lowFactor) / (highFactor - lowFactor)
            return (1 - smooth) * frequency / factor + smooth * frequency
        }
    }
}
