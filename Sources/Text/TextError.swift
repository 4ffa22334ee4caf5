/// Why a tokenizer could not be built, or a text could not be converted.
///
/// The description reads `where: what was expected, what was found; what to do`.
public enum TextError: Error, Equatable, Sendable {
    /// The file is not JSON: byte offset, what the grammar wants there, what stands there.
    case syntax(offset: Int, expected: String, found: String)
    /// The JSON is not a tokenizer: the place as a path of keys, what should stand there, what does.
    case malformed(path: String, expected: String, found: String)
    /// The tokenizer uses something that is not implemented: the place, what is implemented, what was found.
    case unsupported(path: String, expected: String, found: String)
    /// The text is not UTF-8: byte offset of the first byte that is wrong or incomplete, and what stands there.
    case brokenText(offset: Int, found: String)
    /// An identifier that no vocabulary has.
    case negativeIdentifier(Int)
}

extension TextError: CustomStringConvertible {
    /// `where: expected, found; what to do`.
    public var description: String {
        switch self {
        case .syntax(let offset, let expected, let found):
            "tokenizer.json, byte \(offset): expected \(expected), found \(found); copy the file again"
        case .malformed(let path, let expected, let found):
            "\(place(path)): expected \(expected), found \(found); check that the file is complete"
        case .unsupported(let path, let expected, let found):
            "\(place(path)): expected \(expected), found \(found); this tokenizer cannot be used"
        case .brokenText(let offset, let found):
            "text, byte \(offset): expected UTF-8, found \(found); convert the text to UTF-8"
        case .negativeIdentifier(let id):
            "token identifiers: expected numbers from 0, found \(id); check the list"
        }
    }

    private func place(_ path: String) -> String {
        path.isEmpty ? "tokenizer.json" : "tokenizer.json, \(path)"
    }
}
