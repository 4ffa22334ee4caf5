/// What a rank holds of its range.
public enum Cutting: String, Sendable, Hashable, Codable, CaseIterable {
    /// Its range, of whatever length.
    case uneven
    /// Its range and zeros up to the length of the longest, so that all collectives are of equal size: for comparison.
    case padded
}
