/// A function of each channel.
public enum Activation: Hashable, Sendable {
    /// `x * sigmoid(x)`.
    case silu
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x³)))`.
    ///
    /// Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
    case gelu
    /// `max(x, 0)²`.
    case squaredReLU
    /// Of a gate `g` and what is raised, `u`: `(u + 1) * g * sigmoid(alpha * g)`, where `g` is at most `limit` and `u`
    /// within it on either side.
    case clampedSwiGLU(alpha: Float, limit: Float)
}
