/// How tokens become text again: steps that each turn a list of tokens into another, and the joining of the last.
struct Decoder: Sendable {
    enum Step: Sendable {
        case byteLevel
        case byteFallback
        case fuse
        case metaspace(replacement: UInt32, dropsFirst: Bool)
        case replace(Pattern, [UInt32])
        case strip(UInt32, start: Int, stop: Int)
    }

    /// Nil without a decoder: the tokens are joined with spaces.
    private(set) var steps: [Step]?

    init(_ field: Field) throws(TextError) {
        guard !field.isNull else { return }
        steps = []
        try read(field)
    }

    private mutating func read(_ field: Field) throws(TextError) {
        let type = try field.type()
        switch type {
        case "ByteLevel":
            try field.check(keys: ["type", "add_prefix_space", "trim_offsets", "use_regex"])
            steps?.append(.byteLevel)
        case "ByteFallback":
            try field.check(keys: ["type"])
            steps?.append(.byteFallback)
        case "Fuse":
            try field.check(keys: ["type"])
            steps?.append(.fuse)
        case "Metaspace":
            let metaspace = try Metaspace(field)
            let dropsFirst = metaspace.scheme != .never
            steps?.append(.metaspace(replacement: metaspace.replacement, dropsFirst: dropsFirst))
        case "Replace":
            try field.check(keys: ["type", "pattern", "content"])
            let pattern = try Pattern(try field.member("pattern"))
            steps?.append(.replace(pattern, try field.member("content").scalars()))
        case "Strip":
            try field.check(keys: ["type", "content", "start", "stop"])
            let start = try field.member("start").count()
            let stop = try field.member("stop").count()
            steps?.append(.strip(try field.member("content").scalar(), start: start, stop: stop))
        case "Sequence":
            try field.check(keys: ["type", "decoders"])
            for part in try field.member("decoders").elements() { try read(part) }
        default:
            throw field.unsupported(
                expected: "a decoder ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip or Sequence",
                found: "'\(type)'")
        }
    }

    /// The steps in a form that takes one token after the other.
    func stages() -> [any DecoderStage] {
        guard let steps else { return [SeparatorStage()] }
        var stages: [any DecoderStage] = []
        // After a step that joins all tokens, what arrives are parts of one long token.
        var isJoined = false
        for step in steps {
            switch step {
            case .byteLevel:
                stages.append(isJoined ? WholeStage(stage: ByteLevelStage()) : ByteLevelStage())
                isJoined = true
            case .byteFallback:
                stages.append(isJoined ? WholeStage(stage: ByteFallbackStage()) : ByteFallbackStage())
            case .fuse:
                isJoined = true
            case .metaspace(let replacement, let dropsFirst):
                stages.append(MetaspaceStage(replacement: replacement, dropsFirst: dropsFirst, isJoined: isJoined))
            case .replace(.string(let string), let content) where isJoined:
                stages.append(JoinedReplaceStage(string: string, content: content))
            case .replace(let pattern, let content):
                let stage = ReplaceStage(pattern: pattern, content: content)
                stages.append(isJoined ? WholeStage(stage: stage) : stage)
            case .strip(let scalar, let start, let stop):
                let strip = JoinedStripStage(scalar: scalar, start: start, stop: stop)
                stages.append(isJoined ? strip : StripStage(strip: strip))
            }
        }
        return stages
    }
}
