/// What is put around the tokens of a text, such as the token that begins it.
struct PostProcessor: Sendable {
    private enum Part {
        case tokens([Int])
        case text
    }

    private var template: [Part]?

    init(_ field: Field) throws(TextError) {
        guard !field.isNull else { return }
        try read(field)
    }

    private mutating func read(_ field: Field) throws(TextError) {
        let type = try field.type()
        switch type {
        case "ByteLevel":
            // It only moves the offsets of tokens, which this module does not report.
            try field.check(keys: ["type", "add_prefix_space", "trim_offsets", "use_regex"])
        case "TemplateProcessing":
            // With two templates the reference fails as well.
            guard template == nil else {
                throw field.unsupported(expected: "one TemplateProcessing", found: "a second")
            }
            try readTemplate(field)
        case "Sequence":
            try field.check(keys: ["type", "processors"])
            for part in try field.member("processors").elements() { try read(part) }
        default:
            throw field.unsupported(
                expected: "a post-processor TemplateProcessing, ByteLevel or Sequence", found: "'\(type)'")
        }
    }

    private mutating func readTemplate(_ field: Field) throws(TextError) {
        try field.check(keys: ["type", "single", "pair", "special_tokens"])
        let tokens = try field.member("special_tokens")
        var parts: [Part] = []
        for part in try field.member("single").elements() {
            try part.check(keys: ["SpecialToken", "Sequence"])
            let special = try part.member("SpecialToken")
            if special.isNull {
                let name = try part.member("Sequence").member("id")
                guard try name.string() == "A" else { throw name.unsupported(expected: "'A'") }
                parts.append(.text)
            } else {
                let name = try special.member("id")
                let token = try tokens.member(try name.string())
                guard !token.isNull else { throw name.malformed(expected: "one of the template's special_tokens") }
                var ids: [Int] = []
                for id in try token.member("ids").elements() { ids.append(try id.count()) }
                parts.append(.tokens(ids))
            }
        }
        template = parts
    }

    /// The text's tokens with what belongs around them.
    func apply(to tokens: [Int]) -> [Int] {
        guard let template else { return tokens }
        return template.flatMap { part in
            switch part {
            case .tokens(let ids): ids
            case .text: tokens
            }
        }
    }
}
