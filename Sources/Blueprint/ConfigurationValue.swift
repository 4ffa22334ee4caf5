/// A value of config.json.
public enum ConfigurationValue: Hashable, Sendable, Decodable {
    /// JSON `null`.
    case null
    /// `true` or `false`.
    case boolean(Bool)
    /// A number without fraction.
    case integer(Int)
    /// Any other number.
    case real(Double)
    /// A string.
    case string(String)
    /// An array.
    case array([ConfigurationValue])
    /// An object.
    case object([String: ConfigurationValue])

    /// Decodes whichever kind of value stands there.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .real(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([ConfigurationValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: ConfigurationValue].self))
        }
    }

    /// Whether the value switches nothing on: null, false, or empty.
    var isOff: Bool {
        switch self {
        case .null, .boolean(false): true
        case .boolean, .integer, .real: false
        case .string(let text): text.isEmpty
        case .array(let values): values.isEmpty
        case .object(let values): values.isEmpty
        }
    }
}

extension ConfigurationValue: CustomStringConvertible {
    /// The value as JSON, objects with sorted keys; for what is no finite number, for which it has no words, in those
    /// of JSON5.
    public var description: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .real(let value):
            value.isFinite ? "\(value)" : value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity"
        case .string(let value): Self.quoted(value)
        case .array(let values): "[\(values.map(\.description).joined(separator: ", "))]"
        case .object(let values):
            "{\(values.sorted { $0.key < $1.key }.map(Self.member).joined(separator: ", "))}"
        }
    }

    private static func member(_ key: String, _ value: ConfigurationValue) -> String { "\(quoted(key)): \(value)" }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\0"..<" ": quoted += "\\u00\(scalar.value < 16 ? "0" : "")\(String(scalar.value, radix: 16))"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
