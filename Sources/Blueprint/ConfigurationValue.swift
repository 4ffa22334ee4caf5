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
    /// The value as JSON would write it, objects with sorted keys.
    public var description: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .real(let value): "\(value)"
        case .string(let value): "\"\(value)\""
        case .array(let values): "[\(values.map(\.description).joined(separator: ", "))]"
        case .object(let values):
            "{\(values.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", "))}"
        }
    }
}
