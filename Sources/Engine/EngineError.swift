/// Why a request cannot be served.
public enum EngineError: Error, Hashable, Sendable {
    /// A token id that the vocabulary does not have.
    case tokenOutOfRange(token: Int, index: Int, vocabulary: Int)
    /// More tokens than the cache holds.
    case contextExceeded(what: String, tokens: Int, context: Int, longest: Int)
    /// Nothing to work on.
    case tooFewTokens(what: String, found: Int, least: Int)
    /// The model computes something that is no number.
    case notFinite(position: Int)
    /// A setting outside its range.
    case invalidSetting(String)
    /// The file has no part that the request needs.
    case missingPart(String)
    /// The file's tokenizer is broken or not implemented; `reason` is the tokenizer's message.
    case unsupportedTokenizer(path: String, reason: String)
}

extension EngineError: CustomStringConvertible {
    /// `where: expected, found; what to do`.
    public var description: String {
        switch self {
        case .tokenOutOfRange(let token, let index, let vocabulary):
            "token \(index + 1): expected an id from 0 to \(vocabulary - 1), found \(token); "
                + "tokenize the text with this model's tokenizer"
        case .contextExceeded(let what, let tokens, let context, let longest):
            "\(what): expected at most \(context) tokens, found \(tokens); "
                + (context < longest
                    ? "raise --context, at most to \(longest), or shorten the text" : "shorten the text")
        case .tooFewTokens(let what, let found, let least):
            "\(what): expected at least \(least) token\(least == 1 ? "" : "s"), found \(found); give a longer text"
        case .notFinite(let position):
            "logits at position \(position): expected finite numbers, found none; "
                + "check the weights file with 'lockstep show --verify' and, where its checksums hold, use another "
                + "checkpoint: 'lockstep import' names the tensors in which numbers are not finite"
        case .invalidSetting(let reason):
            "\(reason); correct the option"
        case .missingPart(let reason):
            reason
        case .unsupportedTokenizer(let path, let reason):
            "\(path)/\(reason)"
        }
    }
}
