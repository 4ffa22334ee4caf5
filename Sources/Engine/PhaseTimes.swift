import Partition

/// The time of each phase, in nanoseconds; a value of fixed size.
struct PhaseTimes {
    private var attention: Int64 = 0
    private var mlp: Int64 = 0
    private var head: Int64 = 0
    private var communication: Int64 = 0
    private var rest: Int64 = 0

    /// All phases together.
    var total: Int64 { attention + mlp + head + communication + rest }

    subscript(phase: Phase) -> Int64 {
        get {
            switch phase {
            case .attention: attention
            case .mlp: mlp
            case .head: head
            case .communication: communication
            case .rest: rest
            }
        }
        set {
            switch phase {
            case .attention: attention = newValue
            case .mlp: mlp = newValue
            case .head: head = newValue
            case .communication: communication = newValue
            case .rest: rest = newValue
            }
        }
    }
}
