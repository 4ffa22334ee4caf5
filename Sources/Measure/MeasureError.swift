/// Why a measurement is not worth making.
public enum MeasureError: Error, Hashable, Sendable {
    /// What the model computes is wrong before anything is measured.
    case wrongOutput(expected: String, found: String)
}

extension MeasureError: CustomStringConvertible {
    /// `where: expected, found; what to do`.
    public var description: String {
        switch self {
        case .wrongOutput(let expected, let found):
            "bench: expected \(expected), found \(found); "
                + "check the weights file with 'lockstep show --verify' and the program with 'lockstep verify'"
        }
    }
}
