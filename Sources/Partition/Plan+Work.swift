import Blueprint

extension Plan {
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
            $0 + memoryByteCount(of: $1, slice(of: $1, extents))
        }
        if logitRows > 0 { work = work + headStage(extents).work(tokens: logitRows, firstPosition: 0) }
        if logitRows == 0 || !blueprint.isTied {
            // Of the table only the tokens' rows are read.
            let table = slice(of: blueprint.embedding, extents)
            let held = memoryByteCount(of: blueprint.embedding, table)
            work.weightByteCount += held * min(tokens, table.heldRows) / max(1, table.heldRows)
        }
        return work
    }
}
