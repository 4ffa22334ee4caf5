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
    /// No shape for measurements has that name.
    case unknownShape(String, known: [String])
    /// Two keys contradict each other.
    case inconsistent(expected: String, found: String)
}

extension BlueprintError: CustomStringConvertible {
    /// `where: expected, found; what to do`.
    public var description: String {
        if case .unknownShape = self { reason } else { "config.json: \(reason)" }
    }

    /// The same without the file that config.json is.
    public var reason: String {
        switch self {
        case .notJSON(let reason):
            "expected a JSON object, found \(reason); download the file again"
        case .unknownArchitecture(let found, let known):
            "expected 'architectures' to name one of \(known.joined(separator: ", ")), found \(found); "
                + "use a model of one of these"
        case .missingKey(let key):
            "expected the key '\(key)', found none; download the complete file again"
        case .wrongType(let key, let expected, let found):
            "expected '\(key)' to be \(expected), found \(found); correct the file"
        case .unsupportedValue(let key, let expected, let found):
            "expected '\(key)' to be \(expected), found \(found); "
                + (key.hasPrefix("quantization")
                    ? "use a checkpoint of the model that is stored otherwise, in bf16 for example"
                    : "use another model, since this one would not be computed as it was trained")
        case .unknownKey(let key, let value):
            "expected no key that may change the result and is not implemented, "
                + "found '\(key)', which is \(value); remove it if you know that it has no effect"
        case .unknownShape(let name, let known):
            "--shape: expected one of \(known.joined(separator: ", ")), found '\(name)'; name one of them"
        case .inconsistent(let expected, let found):
            "expected \(expected), found \(found); correct the file"
        }
    }
}
