/// SentencePiece's visible space: spaces become a mark, which also stands before the text.
struct Metaspace: Sendable {
    enum PrependScheme: String, Sendable {
        case always, first, never
    }

    let replacement: UInt32
    let scheme: PrependScheme
    let splits: Bool

    init(_ field: Field) throws(TextError) {
        try field.check(
            keys: ["type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"])
        replacement = try field.member("replacement").scalar()
        splits = try field.member("split").boolean(default: true)
        let schemeField = try field.member("prepend_scheme")
        let addsPrefix = try field.member("add_prefix_space").boolean(default: true)
        guard !schemeField.isNull else {
            scheme = addsPrefix ? .always : .never
            return
        }
        guard let scheme = PrependScheme(rawValue: try schemeField.string()) else {
            throw schemeField.unsupported(expected: "always, first or never")
        }
        guard addsPrefix || scheme == .never else {
            throw schemeField.malformed(expected: "never, since add_prefix_space is false")
        }
        self.scheme = scheme
    }

    func apply(to pieces: inout Pieces) {
        pieces.map { $1.append($0 == 0x20 ? replacement : $0) }
        switch scheme {
        case .always: pieces.prepend(replacement) { piece, _ in piece.first != replacement }
        case .first: pieces.prepend(replacement) { piece, isAtStart in isAtStart && piece.first != replacement }
        case .never: break
        }
        if splits { pieces.split(.mergedWithNext) { $0 == replacement } }
    }
}
