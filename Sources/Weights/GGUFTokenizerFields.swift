import Blueprint

/// The values under `tokenizer.` in a GGUF file's metadata, each of the kind that is expected.
struct GGUFTokenizerFields {
    let path: String
    private let metadata: [String: GGUFValue]

    init(_ metadata: [String: GGUFValue], path: String) {
        self.metadata = metadata
        self.path = path
    }

    /// `general.architecture`, if it is a text.
    var family: String? { if case .text(let name) = metadata["general.architecture"] { name } else { nil } }

    func has(_ key: String) -> Bool { metadata[Self.name(key)] != nil }

    func text(_ key: String) throws(WeightsError) -> String? {
        switch metadata[Self.name(key)] {
        case nil: return nil
        case .text(let text): return text
        case .integer, .float, .double, .boolean, .array: throw wrongKind(key, "a text")
        }
    }

    func integer(_ key: String) throws(WeightsError) -> Int? {
        switch metadata[Self.name(key)] {
        case nil: return nil
        case .integer(let number): return number
        case .text, .float, .double, .boolean, .array: throw wrongKind(key, "a whole number")
        }
    }

    func flag(_ key: String, default missing: Bool) throws(WeightsError) -> Bool {
        switch metadata[Self.name(key)] {
        case nil: return missing
        case .boolean(let flag): return flag
        case .text, .integer, .float, .double, .array: throw wrongKind(key, "true or false")
        }
    }

    func texts(_ key: String) throws(WeightsError) -> [String]? {
        try elements(key, "texts") { if case .text(let text) = $0 { text } else { nil } }
    }

    func integers(_ key: String, count: Int) throws(WeightsError) -> [Int]? {
        try check(try elements(key, "whole numbers") { if case .integer(let id) = $0 { id } else { nil } }, key, count)
    }

    /// The scores of a token each.
    func scores(count: Int) throws(WeightsError) -> [Float]? {
        let scores = try elements("scores", "floats") { if case .float(let score) = $0 { score } else { nil } }
        return try check(scores, "scores", count)
    }

    /// The template of that name, which other files name `default`.
    func chatTemplate() throws(WeightsError) -> String? {
        switch metadata["tokenizer.chat_template"] {
        case nil: return nil
        case .text(let template): return template
        case .integer, .float, .double, .boolean, .array:
            throw malformed("'tokenizer.chat_template' to be a text", "another value")
        }
    }

    func malformed(_ expected: String, _ found: String) -> WeightsError {
        .malformed(location: path, expected: expected, found: found)
    }

    func absent(_ key: String) -> WeightsError {
        .absent(path: path, what: "the metadata", names: [Self.name(key)])
    }

    func unsupported(_ expected: String, _ found: String) -> WeightsError {
        .unsupportedModel(
            path: path, reason: "metadata: expected \(expected), found \(found); use a model with another tokenizer")
    }

    private static func name(_ key: String) -> String { "tokenizer.ggml.\(key)" }

    private func elements<Element>(
        _ key: String, _ what: String, _ element: (GGUFValue) -> Element?
    ) throws(WeightsError) -> [Element]? {
        guard let value = metadata[Self.name(key)] else { return nil }
        guard case .array(let values) = value else { throw wrongKind(key, "an array of \(what)") }
        let elements = values.compactMap(element)
        guard elements.count == values.count else { throw wrongKind(key, "an array of \(what)") }
        return elements
    }

    private func check<Element>(_ elements: [Element]?, _ key: String, _ count: Int) throws(WeightsError) -> [Element]?
    {
        guard let elements, elements.count != count else { return elements }
        throw malformed("'\(Self.name(key))' to have \(count) elements, one for each token", "\(elements.count)")
    }

    private func wrongKind(_ key: String, _ expected: String) -> WeightsError {
        malformed("'\(Self.name(key))' to be \(expected)", "another value")
    }
}
