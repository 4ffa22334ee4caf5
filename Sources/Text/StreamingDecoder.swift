/// Turns tokens into text one at a time, for showing a text while it is written.
///
/// What it returns never ends in half a character and is never taken back: bytes of a character that is not whole, and
/// whatever else a later token may change, are held back. All that it returns, with what `finish()` returns,
/// is what `Tokenizer.decode` gives for all tokens at once. The work per token does not grow with the text.
public struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    private var stages: [any DecoderStage]

    /// Starts a new text.
    public init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        skipsSpecialTokens = skipSpecialTokens
        stages = tokenizer.decoder.stages()
    }

    /// Takes the next token and returns the text that is now certain, which may be empty.
    ///
    /// As in the reference, an identifier that no token has gives no text. Throws if it is negative.
    public mutating func append(_ id: Int) throws(TextError) -> String {
        guard id >= 0 else { throw .negativeIdentifier(id) }
        guard let token = tokenizer.scalars(of: id), !(skipsSpecialTokens && tokenizer.isSpecial(id)) else { return "" }
        var text: [UInt32] = []
        pass(token, toStage: 0, &text)
        return UTF8Writer.string(text)
    }

    /// Returns the rest of the text. After that the decoder is at an end; a new text needs a new one.
    public mutating func finish() -> String {
        var text: [UInt32] = []
        for index in stages.indices {
            var tokens: [[UInt32]] = []
            stages[index].finish { tokens.append($0) }
            for token in tokens { pass(token, toStage: index + 1, &text) }
        }
        return UTF8Writer.string(text)
    }

    private mutating func pass(_ token: [UInt32], toStage index: Int, _ text: inout [UInt32]) {
        guard index < stages.count else {
            text.append(contentsOf: token)
            return
        }
        var tokens: [[UInt32]] = []
        stages[index].receive(token) { tokens.append($0) }
        for token in tokens { pass(token, toStage: index + 1, &text) }
    }
}
