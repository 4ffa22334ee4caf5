/// A JSON text, kept as it stands: keys in order and repeated ones too, numbers as their digits.
///
/// Common parsers keep one of two equal keys without a word; in a file's header that would hide a damaged or forged
/// entry. Foundation's also takes keys for equal that differ only in being composed or decomposed, and so would lose
/// one of two entries of a vocabulary: compare the UTF-8 of keys.
package indirect enum JSONValue: Sendable {
    /// Nothing.
    case null
    /// A truth value.
    case boolean(Bool)
    /// A number as it is written.
    case number(String)
    /// A text without its escapes.
    case string(String)
    /// Values in order.
    case array([JSONValue])
    /// Members in order.
    case object([Member])

    /// A value of an object, with its name.
    package struct Member: Sendable {
        /// The name without its escapes.
        package var key: String
        /// What it stands for.
        package var value: JSONValue

        /// A member of this name and value.
        package init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// The value of a whole text in UTF-8.
    ///
    /// - Throws: ``JSONError`` where it leaves the grammar of RFC 8259, or nests more than 128 levels.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        var parser = JSONParser(bytes)
        self = try parser.document()
    }

    /// The value of the member with this key, the last of several; nil when there is none or this is no object.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }

    /// The text, when it is a string.
    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The number, when it is an integer that is not negative and written without fraction or exponent.
    package var count: Int? {
        guard case .number(let digits) = self, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return Int(digits)
    }

    /// A key that an object of this value, or of its members' objects, has twice.
    package var repeatedKey: String? {
        guard case .object(let members) = self else { return nil }
        var seen: Set<String> = []
        for member in members {
            if !seen.insert(member.key).inserted { return member.key }
            if let key = member.value.repeatedKey { return key }
        }
        return nil
    }
}
