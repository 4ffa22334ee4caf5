/// How ranks put their parts together.
public enum Way: String, Sendable, Hashable, Codable, CaseIterable {
    /// The last projection of a mixer is split by columns, and the parts are summed over ranks: the fast one.
    case sum
    /// Every projection is split by rows, and the inputs of the last one are gathered first: the same bits at any
    /// number of ranks (`--exact`).
    case gather
}
