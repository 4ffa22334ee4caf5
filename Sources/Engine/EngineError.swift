/// Why a request cannot be served.
public enum EngineError: Error, Hashable, Sendable {
    /// A token id that the vocabulary does not have.
    case tokenOutOfRange(token: Int, index: Int, vocabulary: Int)
    /// More tokens than the cache holds.
    case contextExceeded(what: String, tokens: Int, context: Int)
    /// Nothing to work on.
    case emptyPrompt
    /// A setting outside its range.
    case invalidSetting(String)
    /// The file has no part that the request needs.
    case missingPart(String)
}

extension EngineError: CustomStringConvertible {
    /// `where: expected, found; what to do`.
    public var description: String {
        switch self {
        case .tokenOutOfRange(let token, let index, let vocabulary):
            "token \(index + 1): expected an id from 0 to \(vocabulary - 1), found \(token); "
                + "tokenize the text with this model's tokenizer"
        case .contextExceeded(let what, let tokens, let context):
            "\(what): expected at most \(context) tokens, found \(tokens); raise --context or shorten the text"
        case .emptyPrompt:
            "prompt: expected at least one token, found none; give a text"
        case .invalidSetting(let reason):
            "\(reason); correct the option"
        case .missingPart(let reason):
            reason
        }
    }
}
