/// A function of each channel.
public enum Activation: String, Hashable, Sendable {
    /// `x * sigmoid(x)`.
    case silu
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x³)))`.
    ///
    /// Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
    case gelu
    /// `max(x, 0)²`.
    case squaredReLU
}
