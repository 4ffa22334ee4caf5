/// How ranks share the experts of a mixture.
public enum ExpertCut: String, Sendable, Hashable, Codable, CaseIterable {
    /// Every rank holds a range of every expert's channels: balanced whatever a token chooses.
    case inside
    /// Every rank holds whole experts: nothing is cut, but which rank works depends on the choice.
    case whole
}
