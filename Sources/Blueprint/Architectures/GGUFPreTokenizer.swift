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
        var marked = GGUFPreTokenizer(patterns: [singleDigitsAndMarks])
        marked.composes = true
        var cased = GGUFPreTokenizer(patterns: [caseAware])
        (cased.ignoresMerges, cased.addsBeginToken) = (true, true)
        var glm = GGUFPreTokenizer(patterns: [threeDigits])
        glm.ignoresMerges = true
        let digitsFirst = GGUFPreTokenizer(patterns: [#"\p{N}"#, gpt2])
        return [
            "llama3": whole, "llama-v3": whole, "llama-bpe": whole, "falcon3": whole, "pixtral": whole,
            "smaug-bpe": GGUFPreTokenizer(patterns: [threeDigits]), "dbrx": GGUFPreTokenizer(patterns: [threeDigits]),
            "qwen2": composed, "qwen35": marked, "deepseek-r1-qwen": GGUFPreTokenizer(patterns: [singleDigits]),
            "glm4": glm, "chatglm-bpe": glm, "gpt-4o": GGUFPreTokenizer(patterns: [caseAwareContractions]),
            "deepseek-v3": GGUFPreTokenizer(patterns: [
                #"\p{N}{1,3}"#, "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+", marksAndLetters,
            ]),
            "tekken": cased, "gpt-2": GGUFPreTokenizer(patterns: [gpt2]), "olmo": GGUFPreTokenizer(patterns: [gpt2]),
            "smollm": digitsFirst, "starcoder": digitsFirst, "refact": digitsFirst, "command-r": digitsFirst,
            "deepseek-llm": GGUFPreTokenizer(patterns: [
                #"[\r\n]"#, #"\s?["# + casedLetters + "]+", #"\s?["# + marks + "]+", #"\s+$"#, asianLetters, #"\p{N}"#,
            ]),
            "deepseek-coder": GGUFPreTokenizer(patterns: [
                #"[\r\n]"#, #"\s?\p{L}+"#, #"\s?\p{P}+"#, asianLetters, #"\p{N}"#,
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
    // Marks belong to words.
    private static let singleDigitsAndMarks =
        contractions + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"# + spaces
    private static let caseAware =
        #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"#
        + #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"#
        + #"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + spaces
    private static let caseAwareContractions =
        #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"# + contractions + "?|"
        + #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"# + contractions + "?|"
        + #"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + spaces
    private static let marksAndLetters =
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"##
        + #" ?[\p{P}\p{S}]+[\r\n]*|"# + spaces
    private static let asianLetters = "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+"
    private static let marks =
        "!-/:-~\u{ff01}-\u{ff0f}\u{ff1a}-\u{ff5e}\u{2018}-\u{201f}\u{3000}-\u{3002}"
    /// Those that the tokenizer of DeepSeek V2 lists, not all that there are.
    private static let casedLetters =
        "A-Za-z\u{b5}\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{1ba}\u{1bc}-\u{1bf}\u{1c4}-\u{293}\u{295}-\u{2af}"
        + "\u{370}-\u{373}\u{376}\u{377}\u{37b}-\u{37d}\u{37f}\u{386}\u{388}-\u{38a}\u{38c}\u{38e}-\u{3a1}"
        + "\u{3a3}-\u{3f5}\u{3f7}-\u{481}\u{48a}-\u{52f}\u{531}-\u{556}\u{10a0}-\u{10c5}\u{13a0}-\u{13f5}"
        + "\u{13f8}-\u{13fd}\u{1c90}-\u{1cba}\u{1cbd}-\u{1cbf}\u{1d00}-\u{1d2b}\u{1d6b}-\u{1d77}"
        + "\u{1d79}-\u{1d9a}\u{1e00}-\u{1f15}\u{1f18}-\u{1f1d}\u{1f20}-\u{1f45}\u{1f48}-\u{1f4d}"
        + "\u{1f50}-\u{1f57}\u{1f59}\u{1f5b}\u{1f5d}\u{1f5f}-\u{1f7d}\u{1f80}-\u{1fb4}\u{1fb6}-\u{1fbc}\u{1fbe}"
        + "\u{1fc2}-\u{1fc4}\u{1fc6}-\u{1fcc}\u{1fd0}-\u{1fd3}\u{1fd6}-\u{1fdb}\u{1fe0}-\u{1fec}"
        + "\u{1ff2}-\u{1ff4}\u{1ff6}-\u{1ffc}\u{2102}\u{2107}\u{210a}-\u{2113}\u{2115}\u{2119}-\u{211d}\u{2124}"
        + "\u{2126}\u{2128}\u{212a}-\u{212d}\u{212f}-\u{2134}\u{2139}\u{213c}-\u{213f}\u{2145}-\u{2149}\u{214e}"
        + "\u{2183}\u{2184}\u{2c00}-\u{2c7b}\u{2c7e}-\u{2ce4}\u{2ceb}-\u{2cee}\u{2cf2}\u{2cf3}\u{a640}-\u{a66d}"
        + "\u{a680}-\u{a69b}\u{a722}-\u{a76f}\u{a771}-\u{a787}\u{a78b}-\u{a78e}\u{ab70}-\u{abbf}"
        + "\u{fb00}-\u{fb06}\u{fb13}-\u{fb17}\u{ff21}-\u{ff3a}\u{ff41}-\u{ff5a}\u{10400}-\u{1044f}"
        + "\u{104b0}-\u{104d3}\u{104d8}-\u{104fb}\u{10c80}-\u{10cb2}\u{10cc0}-\u{10cf2}\u{118a0}-\u{118df}"
        + "\u{1e900}-\u{1e943}"
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
