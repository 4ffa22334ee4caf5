/// What happens to the text before it is split.
indirect enum Normalizer: Sendable {
    case form(UnicodeNormalization)
    case prepend([UInt32])
    case replace(Pattern, [UInt32])
    case strip(left: Bool, right: Bool)
    case lowercase
    case sequence([Normalizer])

    init(_ field: Field) throws(TextError) {
        let type = try field.type()
        switch type {
        case "NFC", "NFD", "NFKC", "NFKD":
            try field.check(keys: ["type"])
            self = .form(
                UnicodeNormalization(isCompatibility: type.dropFirst(2).hasPrefix("K"), composes: type.hasSuffix("C")))
        case "Prepend":
            try field.check(keys: ["type", "prepend"])
            self = .prepend(try field.member("prepend").scalars())
        case "Replace":
            try field.check(keys: ["type", "pattern", "content"])
            self = .replace(try Pattern(try field.member("pattern")), try field.member("content").scalars())
        case "Strip":
            try field.check(keys: ["type", "strip_left", "strip_right"])
            self = .strip(
                left: try field.member("strip_left").boolean(), right: try field.member("strip_right").boolean())
        case "Lowercase":
            try field.check(keys: ["type"])
            self = .lowercase
        case "Sequence":
            try field.check(keys: ["type", "normalizers"])
            var parts: [Normalizer] = []
            for part in try field.member("normalizers").elements() { parts.append(try Normalizer(part)) }
            self = .sequence(parts)
        default:
            throw field.unsupported(
                expected: "a normalizer NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip, Lowercase or Sequence",
                found: "'\(type)'")
        }
    }

    /// Rewrites the text.
    ///
    /// `atStart` counts the scalars at the front that stand for the first character of the whole text.
    func apply(to text: inout [UInt32], atStart: inout Int) {
        switch self {
        case .form(let form):
            text = form.normalize(text)
        case .prepend(let prefix):
            guard !text.isEmpty else { return }
            text = prefix + text
            if atStart > 0 { atStart += prefix.count }
        case .replace(let pattern, let content):
            text = pattern.replacing(in: text, with: content)
        case .strip(let left, let right):
            let start = left ? text.firstIndex { !ScalarClass.isWhitespace($0) } ?? text.count : 0
            let last = right ? text.lastIndex { !ScalarClass.isWhitespace($0) } : text.indices.last
            text = Array(text[start..<max(start, (last ?? -1) + 1)])
            atStart = max(0, atStart - start)
        case .lowercase:
            text = text.flatMap { scalar in
                Unicode.Scalar(scalar)?.properties.lowercaseMapping.unicodeScalars.map(\.value) ?? [scalar]
            }
        case .sequence(let parts):
            for part in parts { part.apply(to: &text, atStart: &atStart) }
        }
    }
}
