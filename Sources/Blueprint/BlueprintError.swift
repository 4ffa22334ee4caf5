/// Why a config.json gives no blueprint.
public enum BlueprintError: Error, Hashable, Sendable {
    /// The text is not a JSON object.
    case notJSON(String)
    /// No implemented architecture is named.
    case unknownArchitecture(found: String, known: [String])
    /// A key that must be there is not.
    case missingKey(String)
    /// A key holds a value of another kind than expected.
    case wrongType(key: String, expected: String, found: String)
    /// A key holds a value that no implemented computation follows.
    case unsupportedValue(key: String, expected: String, found: String)
    /// A key that may change the result and that nothing here reads.
    case unknownKey(String, value: String)
    /// Two dimensions contradict each other.
    case inconsistent(String)
}

extension BlueprintError: CustomStringConvertible {
    /// `where: expected, found; what to do`.
    public var description: String {
        switch self {
        case .notJSON(let reason):
            "config.json: expected a JSON object, found \(reason); download the file again"
        case .unknownArchitecture(let found, let known):
            "config.json: 'architectures' names \(found); implemented are \(known.joined(separator: ", "))"
        case .missingKey(let key):
            "config.json: expected the key '\(key)', found none; the file is incomplete"
        case .wrongType(let key, let expected, let found):
            "config.json: expected '\(key)' to be \(expected), found \(found); correct the file"
        case .unsupportedValue(let key, let expected, let found):
            "config.json: '\(key)' is \(found), implemented is \(expected); this model cannot be run faithfully"
        case .unknownKey(let key, let value):
            "config.json: '\(key)' is \(value), which may change the result and is not implemented; "
                + "remove the key if you know that it has no effect"
        case .inconsistent(let reason):
            "config.json: \(reason); correct the file"
        }
    }
}
