/// A dimension of the model that ranks share out.
///
/// An axis is counted in units, the smallest whole pieces that a rank may hold: one head, one channel, one row.
public struct Axis: Hashable, Sendable {
    /// What the units of an axis are.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// One row of the embedding and of the head.
        case vocabulary
        /// One query head.
        case queryHeads
        /// One key-value head; which of them a rank holds follows from its query heads.
        case keyValueHeads
        /// One channel of the MLP.
        case mlpWidth
        /// One head with a state.
        case stateHeads
        /// One head that heads with a state read; which of them a rank holds follows from those.
        case coveredHeads
        /// One expert of a mixture.
        case experts
        /// One channel of every expert of a mixture.
        case expertWidth
        /// One channel of one expert of a mixture: those of all experts, end to end.
        case expertChannels
        /// One channel of the residual stream: the axis along which the last projection of a mixer is cut where
        /// inputs are gathered instead of outputs summed.
        case width
    }

    /// What the units are.
    public var kind: Kind
    /// The layer that the axis belongs to; nil for an axis of the whole model.
    public var layer: Int?
    /// The number of units.
    public var count: Int

    /// An axis of `count` units.
    public init(_ kind: Kind, layer: Int?, count: Int) {
        self.kind = kind
        self.layer = layer
        self.count = count
    }

    /// The axis of the channels of all experts, end to end.
    ///
    /// - Parameters:
    ///   - width: that of every expert's channels.
    ///   - experts: that of experts.
    public init(endToEnd width: Axis, of experts: Axis) {
        self.init(.expertChannels, layer: width.layer, count: experts.count * width.count)
    }
}

extension Axis: CustomStringConvertible {
    /// The axis in words, with its layer: `MLP width of layer 3`.
    public var description: String {
        let name =
            switch kind {
            case .vocabulary: "vocabulary"
            case .queryHeads: "query heads"
            case .keyValueHeads: "key-value heads"
            case .mlpWidth: "MLP width"
            case .stateHeads: "state heads"
            case .coveredHeads: "covered heads"
            case .experts: "experts"
            case .expertWidth: "expert width"
            case .expertChannels: "channels of experts"
            case .width: "width"
            }
        return layer.map { "\(name) of layer \($0)" } ?? name
    }
}
