import JSON

/// How the text is cut into the words that the model sees.
indirect enum PreTokenizer: Sendable {
    case split(Pattern, SplitBehavior, isInverted: Bool)
    case byteLevel(addsSpace: Bool, pattern: Regex?)
    case metaspace(Metaspace)
    case digits(isIndividual: Bool)
    case whitespace(Regex)
    case whitespaceSplit
    case punctuation(SplitBehavior)
    case sequence([PreTokenizer])

    init(_ field: Field) throws(TextError) {
        let type = try field.type()
        switch type {
        case "Split":
            try field.check(keys: ["type", "pattern", "behavior", "invert"])
            self = .split(
                try Pattern(try field.member("pattern")), try SplitBehavior(try field.member("behavior")),
                isInverted: try field.member("invert").boolean())
        case "ByteLevel":
            try field.check(keys: ["type", "add_prefix_space", "trim_offsets", "use_regex"])
            let usesPattern = try field.member("use_regex").boolean(default: true)
            self = .byteLevel(
                addsSpace: try field.member("add_prefix_space").boolean(),
                pattern: usesPattern ? try Self.regex(Self.gpt2) : nil)
        case "Metaspace":
            self = .metaspace(try Metaspace(field))
        case "Digits":
            try field.check(keys: ["type", "individual_digits"])
            self = .digits(isIndividual: try field.member("individual_digits").boolean())
        case "Whitespace":
            try field.check(keys: ["type"])
            self = .whitespace(try Self.regex(Self.words))
        case "WhitespaceSplit":
            try field.check(keys: ["type"])
            self = .whitespaceSplit
        case "Punctuation":
            try field.check(keys: ["type", "behavior"])
            let behavior = try field.member("behavior")
            self = .punctuation(behavior.isNull ? .isolated : try SplitBehavior(behavior))
        case "Sequence":
            try field.check(keys: ["type", "pretokenizers"])
            var parts: [PreTokenizer] = []
            for part in try field.member("pretokenizers").elements() { parts.append(try PreTokenizer(part)) }
            self = .sequence(parts)
        default:
            throw field.unsupported(
                expected: "a pre-tokenizer Split, ByteLevel, Metaspace, Digits, Whitespace, WhitespaceSplit, "
                    + "Punctuation or Sequence",
                found: "'\(type)'")
        }
    }

    /// The pattern of GPT-2.
    private static let gpt2 =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    /// `\w+|[^\w\s]+` with Rust's meaning of `\w`, which has joiners but not Latin-1's superscripts.
    private static let words: String = {
        let word =
            #"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u200C\u200D\u24B6-\u24E9"#
            + #"\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189}"#
        return #"[\#(word)]+|[^\s\#(word)]+"#
    }()

    private static func regex(_ pattern: String) throws(TextError) -> Regex {
        try Regex(Field(path: "pre_tokenizer", value: .string(pattern)))
    }

    func apply(to pieces: inout Pieces) {
        switch self {
        case .split(let pattern, let behavior, let isInverted):
            pieces.split(behavior, isInverted: isInverted) { text, bounds, report in
                pattern.forEachMatch(in: text, bounds, report)
            }
        case .byteLevel(let addsSpace, let pattern):
            if addsSpace { pieces.prepend(0x20) { piece, _ in piece.first != 0x20 } }
            if let pattern {
                pieces.split(.isolated) { text, bounds, report in pattern.forEachMatch(in: text, bounds, report) }
            }
            pieces.map(ByteLevel.spell)
        case .metaspace(let metaspace):
            metaspace.apply(to: &pieces)
        case .digits(let isIndividual):
            pieces.split(isIndividual ? .isolated : .contiguous, at: ScalarClass.isNumeric)
        case .whitespace(let words):
            pieces.split(.removed, isInverted: true) { text, bounds, report in
                words.forEachMatch(in: text, bounds, report)
            }
        case .whitespaceSplit:
            pieces.split(.removed, at: ScalarClass.isWhitespace)
        case .punctuation(let behavior):
            pieces.split(behavior) { ScalarClass.punctuation[$0] == 1 }
        case .sequence(let parts):
            for part in parts { part.apply(to: &pieces) }
        }
    }
}
