/// The merges that lead to the tokens that SentencePiece's scores lead to.
///
/// SentencePiece joins the two neighbours whose joint piece has the best score; so every way to put a piece together
/// from two others is a merge, and pieces of better score come first. As transformers derives them
/// (`convert_slow_tokenizer.py`), of a piece's ways the one with the longer first part comes first.
enum SentencePieceMerges {
    struct Merge: Equatable {
        let left: String
        let right: String
    }

    /// - Parameters:
    ///   - scores: one for each token.
    ///   - isMergeable: false of a token that is no part of a text, nor a piece that others make.
    static func derived(tokens: [String], scores: [Float], isMergeable: [Bool]) -> [Merge] {
        // Swift's strings would take what differs only in composition for the same.
        let pieces = tokens.map { Array($0.utf8) }
        var ids: [ArraySlice<UInt8>: Int] = [:]
        for id in tokens.indices where isMergeable[id] { ids[pieces[id][...]] = id }
        var ways: [(score: Float, leftCount: Int, rightCount: Int, id: Int)] = []
        for id in tokens.indices where isMergeable[id] {
            let piece = pieces[id]
            for border in piece.indices.dropFirst() where piece[border] & 0xc0 != 0x80 {
                guard ids[piece[..<border]] != nil, ids[piece[border...]] != nil else { continue }
                ways.append((scores[id], border, piece.count - border, id))
            }
        }
        ways.sort { ($0.score, $0.leftCount, $0.rightCount, $1.id) > ($1.score, $1.leftCount, $1.rightCount, $0.id) }
        return ways.map { way in
            let piece = pieces[way.id]
            return Merge(
                left: String(decoding: piece[..<way.leftCount], as: UTF8.self),
                right: String(decoding: piece[way.leftCount...], as: UTF8.self))
        }
    }
}
