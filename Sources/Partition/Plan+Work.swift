import Blueprint

extension Plan {
    /// What a rank reads and computes in a forward of `tokens` tokens after `firstPosition` others.
    ///
    /// - Parameter logitRows: tokens whose logits are computed.
    public func work(rank: Int, tokens: Int, firstPosition: Int, logitRows: Int) -> Work {
        var work = Work()
        for weight in weights {
            let slice = slice(of: weight, rank: rank)
            let held = memoryByteCount(of: weight, rank: rank)
            let isHead = weight == blueprint.head
            if weight == blueprint.embedding, !isHead || logitRows == 0 {
                // Of the table only the tokens' rows are read.
                work.weightByteCount += held * min(tokens, slice.heldRows) / max(1, slice.heldRows)
                continue
            }
            guard !isHead || logitRows > 0 else { continue }
            work.weightByteCount += held
            if !weight.isVector { work.operationCount += 2 * slice.elementCount * (isHead ? logitRows : tokens) }
        }
        let seen = attentions.map { positions(seenBy: tokens, after: firstPosition, $0) }
        work.cacheByteCount = cacheByteCount(rank: rank, positions: seen.map(\.inAll))
        for (attention, seen) in zip(attentions, seen) {
            // A product with the key, and one with the value.
            work.operationCount += 4 * split(of: attention.queryAxis)[rank].count * attention.headSize * seen.together
        }
        return work
    }

    /// Bytes of a rank's slice in memory; a vector is one row in float32.
    private func memoryByteCount(of weight: Weight, rank: Int) -> Int {
        let slice = slice(of: weight, rank: rank)
        guard !weight.isVector else { return Scalar.f32.rowByteCount(slice.heldRows) }
        let columns = slice.columns.lowerBound..<slice.columns.lowerBound + slice.heldColumns
        return encoding(of: weight).memoryByteCount(rows: slice.heldRows, columns: columns)
    }

    /// The positions that any of the tokens sees, and the sum of what each of them sees.
    private func positions(
        seenBy tokens: Int, after firstPosition: Int, _ attention: Attention
    ) -> (inAll: Int, together: Int) {
        let end = firstPosition + tokens
        guard let window = attention.window else {
            return (end, tokens * firstPosition + tokens * (tokens + 1) / 2)
        }
        let together = (firstPosition..<end).reduce(0) { $0 + min($1 + 1, window) }
        return (min(end, tokens + window - 1), together)
    }

    /// Bytes of so many positions of each attention's cache.
    private func cacheByteCount(rank: Int, positions: [Int]) -> Int {
        func width(_ attention: Attention) -> Int {
            heldCount(attention.keyValueAxis, rank: rank) * attention.headSize
        }
        let whole = attentions.reduce(0) { $0 + width($1) * policy.context }
        let seen = zip(attentions, positions).reduce(0) { $0 + width($1.0) * $1.1 }
        guard whole > 0 else { return 0 }
        return Int(Double(holdings(rank: rank).cacheByteCount) * Double(seen) / Double(whole))
    }
}
