/// How the byte-level tokenizer of a GGUF file cuts a text into words: the file has only a name for it.
public struct GGUFPreTokenizer: Sendable, Hashable {
    /// Regular expressions of `tokenizer.json`, each applied to what the ones before have left in one piece.
    public var patterns: [String]
    /// Whether a word that the vocabulary has is one token, whatever the merges say.
    public var ignoresMerges = false
    /// Whether a text begins with the token for that where the file doesn't say.
    public var addsBeginToken = false
    /// Whether characters are composed first.
    public var composes = false

    /// `tokenizer.ggml.pre`, and what it stands for. Where a file has none, `default` is meant.
    private static let all: [String: GGUFPreTokenizer] = {
        var whole = GGUFPreTokenizer(patterns: [threeDigits])
        (whole.ignoresMerges, whole.addsBeginToken) = (true, true)
        var composed = GGUFPreTokenizer(patterns: [singleDigits])
        composed.composes = true
        var cased = GGUFPreTokenizer(patterns: [caseAware])
        (cased.ignoresMerges, cased.addsBeginToken) = (true, true)
        let digitsFirst = GGUFPreTokenizer(patterns: [#"\p{N}"#, gpt2])
        return [
            "llama3": whole, "llama-v3": whole, "llama-bpe": whole, "falcon3": whole, "pixtral": whole,
            "smaug-bpe": GGUFPreTokenizer(patterns: [threeDigits]), "dbrx": GGUFPreTokenizer(patterns: [threeDigits]),
            "qwen2": composed, "deepseek-r1-qwen": GGUFPreTokenizer(patterns: [singleDigits]),
            "tekken": cased, "gpt-2": GGUFPreTokenizer(patterns: [gpt2]), "olmo": GGUFPreTokenizer(patterns: [gpt2]),
            "smollm": digitsFirst, "starcoder": digitsFirst, "refact": digitsFirst, "command-r": digitsFirst,
            "deepseek-coder": GGUFPreTokenizer(patterns: [
                #"[\r\n]"#, #"\s?\p{L}+"#, #"\s?\p{P}+"#, "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+",
                #"\p{N}"#,
            ]),
            "default": GGUFPreTokenizer(patterns: [
                #"[\p{P}\$\+<=>\^~\|]+"#, gpt2, #"\p{N}+"#, "[0-9][0-9][0-9]",
            ]),
        ]
    }()

    /// The one of this name; nil where it is not known.
    public static func named(_ name: String) -> GGUFPreTokenizer? { all[name] }

    /// Every name that is known, in order.
    public static var names: [String] { all.keys.sorted() }

    private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    private static let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let threeDigits =
        contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces
    private static let singleDigits =
        contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces
    private static let caseAware =
        #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"#
        + #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"#
        + #"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + spaces
    private static let gpt2 =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
}

/// What kind of tokenizer a GGUF file has, by its `tokenizer.ggml.model`.
public enum GGUFTokenizerKind: String, Sendable, Hashable, CaseIterable {
    /// Merges of byte-level pieces in a given order.
    case byteLevel = "gpt2"
    /// SentencePiece: merges in the order of the pieces' scores, bytes for what no piece has.
    case sentencePiece = "llama"
}

extension GGUFTokenizerKind {
    /// Whether the spaces behind this added token belong to it: no key says it, in one family they do.
    ///
    /// - Parameters:
    ///   - token: its text.
    ///   - family: the file's `general.architecture`.
    public func takesSpaces(behind token: String, family: String) -> Bool {
        guard family == Phi3.gguf?.name, self == .sentencePiece else { return false }
        return !["<unk>", "<s>", "<|endoftext|>"].contains(token)
    }
}
