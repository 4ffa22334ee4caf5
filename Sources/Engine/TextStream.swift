public import Text

/// The text that becomes of generated tokens, up to a stop text.
public struct TextStream {
    /// All text so far.
    public private(set) var text = ""
    private var decoder: StreamingDecoder
    private var filter: StopFilter

    /// - Parameter stops: texts before which the text ends.
    public init(_ tokenizer: Tokenizer, stops: [String]) {
        decoder = StreamingDecoder(tokenizer, skipSpecialTokens: true)
        filter = StopFilter(stops)
    }

    /// Whether a stop text has appeared.
    public var hasStopped: Bool { filter.hasStopped }

    /// The text that is certain after one more token.
    public mutating func append(_ token: Int) throws(TextError) -> String {
        keep(filter.pass(try decoder.append(token)))
    }

    /// What was held back, when no more tokens come.
    public mutating func finish() -> String {
        keep(filter.pass(decoder.finish()) + filter.finish())
    }

    private mutating func keep(_ piece: String) -> String {
        text += piece
        return piece
    }
}

extension Tokenizer {
    /// The special tokens among some stop texts: they give no text, so they must be met as tokens.
    public func specialTokens(among stops: [String]) -> [Int] {
        stops.compactMap { stop in
            guard let id = id(of: stop), (try? decode([id], skipSpecialTokens: true)) == "",
                (try? decode([id], skipSpecialTokens: false)) != ""
            else { return nil }
            return id
        }
    }
}
