/// A JSON text, kept as it stands: keys in order and repeated ones too, numbers as their digits.
///
/// Common parsers keep one of two equal keys without a word; in a file's header that would hide a damaged or forged
/// entry.
enum JSONValue: Equatable {
    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    struct Member: Equatable {
        var key: String
        var value: JSONValue
    }

    /// Why a text is no JSON, and at which byte.
    struct Malformed: Error {
        var reason: String
        var offset: Int
    }

    init(parsing bytes: [UInt8]) throws(Malformed) {
        var parser = JSONParser(bytes)
        self = try parser.document()
    }

    /// The value of a checkpoint's text, or an error that names the file.
    init(_ text: String, at location: String) throws(WeightsError) {
        do { try self.init(parsing: Array(text.utf8)) } catch {
            throw .malformed(location: location, expected: "JSON", found: "\(error.reason) at byte \(error.offset)")
        }
    }

    /// The value of the first member of this key, nil when there is none or this is no object.
    subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The text, when it is a string.
    var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The number, when it is an integer that is not negative and written without fraction or exponent.
    var count: Int? {
        guard case .number(let digits) = self, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return Int(digits)
    }

    /// A key that an object of this value, or of its members' objects, has twice.
    var repeatedKey: String? {
        guard case .object(let members) = self else { return nil }
        var seen: Set<String> = []
        for member in members {
            if !seen.insert(member.key).inserted { return member.key }
            if let key = member.value.repeatedKey { return key }
        }
        return nil
    }
}
