import JSON

/// A value of the tokenizer file together with its place, so that whoever reads it can say where an error stands.
struct Field {
    /// The keys and indices that lead to the value, such as `pre_tokenizer.pretokenizers[1].pattern`.
    let path: String
    let value: JSONValue

    var isNull: Bool {
        if case .null = value { true } else { false }
    }

    func malformed(expected: String) -> TextError {
        .malformed(path: path, expected: expected, found: value.summary)
    }

    func unsupported(expected: String, found: String? = nil) -> TextError {
        .unsupported(path: path, expected: expected, found: found ?? value.summary)
    }

    /// The member with this key; null where it is missing.
    func member(_ key: String) throws(TextError) -> Field {
        guard case .object = value else { throw malformed(expected: "an object") }
        return Field(path: path.isEmpty ? key : "\(path).\(key)", value: value[key] ?? .null)
    }

    /// The elements of an array.
    func elements() throws(TextError) -> [Field] {
        guard case .array(let values) = value else { throw malformed(expected: "an array") }
        return values.enumerated().map { Field(path: "\(path)[\($0.offset)]", value: $0.element) }
    }

    func bytes() throws(TextError) -> [UInt8] {
        Array(try string().utf8)
    }

    func string() throws(TextError) -> String {
        guard let text = value.text else { throw malformed(expected: "a string") }
        return text
    }

    func scalars() throws(TextError) -> [UInt32] {
        try string().unicodeScalars.map(\.value)
    }

    /// A string of one Unicode scalar.
    func scalar() throws(TextError) -> UInt32 {
        let scalars = try scalars()
        guard scalars.count == 1 else { throw malformed(expected: "one character") }
        return scalars[0]
    }

    func boolean(default missing: Bool? = nil) throws(TextError) -> Bool {
        if case .boolean(let value) = value { return value }
        if isNull, let missing { return missing }
        throw malformed(expected: "true or false")
    }

    /// A whole number from 0 to 2^24.
    func count() throws(TextError) -> Int {
        guard let count = value.index else { throw malformed(expected: "a whole number from 0 to 16777216") }
        return count
    }

    /// Refuses members that this module does not know: one of them might change the result.
    func check(keys: Set<String>) throws(TextError) {
        guard case .object(let members) = value else { throw malformed(expected: "an object") }
        for member in members where !keys.contains(member.key) {
            throw unsupported(
                expected: "only the options \(keys.sorted().joined(separator: ", "))",
                found: "'\(member.key)'")
        }
    }

    /// The `type` of a component.
    func type() throws(TextError) -> String {
        try member("type").string()
    }
}
