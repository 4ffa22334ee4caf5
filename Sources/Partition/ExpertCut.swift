/// How ranks share the experts of a mixture.
public enum ExpertCut: String, Sendable, Hashable, Codable, CaseIterable {
    /// Every rank holds a range of every expert's channels: balanced whatever a token chooses.
    case inside
    /// Every rank holds whole experts: nothing is cut, but which rank works depends on the choice.
    case whole
    /// The channels of all experts lie end to end and every rank holds a range of them: its experts are whole, but for
    /// the first and the last one, which it may share with its neighbours.
    case mixed
}
