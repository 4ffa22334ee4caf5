import Blueprint

extension Plan {
    /// Bytes of experts' weights that all ranks are expected to read in forwards of so many tokens each; nil where
    /// there are no experts.
    public func expertByteCount(forwards: [Int]) -> Int? {
        guard !mixtures.isEmpty else { return nil }
        var known: [Int: Int] = [:]
        return forwards.reduce(0) { sum, tokens in
            let bytes =
                known[tokens] ?? (0..<rankCount).reduce(0) { $0 + expertByteCount(rank: $1, tokens: tokens) }
            known[tokens] = bytes
            return sum + bytes
        }
    }

    /// The lengths of the chunks of a prompt.
    public func chunks(ofPrompt tokens: Int) -> [Int] {
        stride(from: 0, to: tokens, by: policy.chunk).map { min(policy.chunk, tokens - $0) }
    }

    /// Bytes of experts' weights that a rank is expected to read in a forward of `tokens` tokens, where all choices are
    /// as likely: of one token, with experts cut inside, exactly.
    public func expertByteCount(rank: Int, tokens: Int) -> Int {
        let extents = Extents(self, rank: rank)
        let products = blueprint.layers.flatMap { layer in
            layer.branches.flatMap { stages($0, branchesInLayer: layer.branches.count, extents) }
        }.flatMap(\.products).joined()
        return products.filter { $0.choice != nil }.reduce(0) { $0 + $1.byteCount(tokens: tokens) }
    }

    /// What a rank reads and computes in a forward of `tokens` tokens after `firstPosition` others.
    ///
    /// - Parameter logitRows: tokens whose logits are computed.
    public func work(rank: Int, tokens: Int, firstPosition: Int, logitRows: Int) -> Work {
        let extents = Extents(self, rank: rank)
        let layers = blueprint.layers.flatMap { layer in
            layer.branches.flatMap { stages($0, branchesInLayer: layer.branches.count, extents) }
        }
        var work = layers.reduce(Work()) { $0 + $1.work(tokens: tokens, firstPosition: firstPosition) }
        work.weightByteCount += blueprint.finalNorm.weights.reduce(0) {
            $0 + memoryByteCount(of: $1, slices(of: $1, extents))
        }
        if logitRows > 0 { work = work + headStage(extents).work(tokens: logitRows, firstPosition: 0) }
        if logitRows == 0 || !blueprint.isTied {
            // Of the table only the tokens' rows are read.
            let held = memoryByteCount(of: blueprint.embedding, slices(of: blueprint.embedding, extents))
            let rows = extents.heldCount(blueprint.vocabularyAxis)
            work.weightByteCount += held * min(tokens, rows) / max(1, rows)
        }
        return work
    }
}
