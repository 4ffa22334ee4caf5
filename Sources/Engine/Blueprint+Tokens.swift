import Blueprint

extension Blueprint {
    /// Checks tokens before anything is computed from them.
    ///
    /// - Throws: ``EngineError`` for too few of them, for more than the context, or for an id that the vocabulary has
    ///   not.
    func check(_ tokens: [Int], what: String, atLeast least: Int, context: Int) throws(EngineError) {
        guard tokens.count >= least else { throw .tooFewTokens(what: what, found: tokens.count, least: least) }
        guard tokens.count <= context else {
            throw .contextExceeded(
                what: what, tokens: tokens.count, context: context, longest: maximumContext)
        }
        for (index, token) in tokens.enumerated() where token < 0 || token >= vocabulary {
            throw .tokenOutOfRange(token: token, index: index, vocabulary: vocabulary)
        }
    }
}
