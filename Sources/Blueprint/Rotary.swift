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
    }

    /// Channels that turn; the rest of a head passes through.
    public var size: Int
    /// The base of the geometric series of frequencies.
    public var theta: Double
    /// The stretching.
    public var scaling: Scaling

    /// A rotation of the first `size` channels of each head.
    public init(size: Int, theta: Double, scaling: Scaling = .none) {
        self.size = size
        self.theta = theta
        self.scaling = scaling
    }

    /// Radians per position of each pair, `[size / 2]`, in float32 as the reference computes them.
    public func inverseFrequencies() -> [Float] {
        (0..<size / 2).map { pair in
            let exponent = Float(2 * pair) / Float(size)
            let plain = 1 / Float(pow(theta, Double(exponent)))
            return stretched(plain)
        }
    }

    private func stretched(_ frequency: Float) -> Float {
        switch scaling {
        case .none: return frequency
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
