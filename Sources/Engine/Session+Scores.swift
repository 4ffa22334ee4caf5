import Compute
import MPI
import Partition

/// Probabilities and logits over a vocabulary that stays in its shards.
extension Session {
    /// Scores each token of the chunk's followers; a maximum, a sum and a target per token are exchanged.
    func score(_ step: Order.Step) throws -> [TokenScore] {
        let followers = step.tokens.dropFirst() + (step.following >= 0 ? [step.following] : [])
        var scores: [TokenScore] = []
        var row = 0
        while row < followers.count {
            let rows = row..<min(row + Workspace.logitRows, followers.count)
            let logits = transformer.logits(rows)
            let targets = followers[followers.startIndex + rows.lowerBound..<followers.startIndex + rows.upperBound]
            scores += try score(Array(targets), logits, topCount: Int(step.topCount))
            row = rows.upperBound
        }
        return scores
    }

    private func score(_ targets: [Int32], _ logits: Buffer, topCount: Int) throws -> [TokenScore] {
        let own = transformer.localVocabulary
        let (maxima, sums) = try partition(logits, rows: targets.count)
        var found = [Float](repeating: -.infinity, count: targets.count)
        logits.withSpan(rows: targets.count) { span in
            for (row, target) in targets.enumerated() where own.contains(Int(target)) {
                found[row] = span[row * logits.columns + Int(target) - own.lowerBound]
            }
        }
        try reduce(&found, .maximum)
        let top = try topTokens(logits, rows: targets.count, count: topCount)
        return targets.indices.map { row in
            let normaliser = Double(maxima[row]) + Logarithm.natural(Double(sums[row]) * 0x1p-40)
            return TokenScore(
                logProbability: Double(found[row]) - normaliser,
                top: top[row].map { .init(token: $0.token, logProbability: Double($0.logit) - normaliser) })
        }
    }

    /// The largest logit of each row over all ranks, and the sum of `2^40 exp(logit - largest)`.
    ///
    /// The sum is one of integers, so that it does not depend on how the vocabulary is split.
    func partition(_ logits: Buffer, rows: Int) throws -> (maxima: [Float], sums: [UInt64]) {
        let columns = transformer.localVocabulary.count
        var maxima = (0..<rows).map { bench.operations.maximum(logits, row: $0, columns: columns) }
        try reduce(&maxima, .maximum)
        var sums = (0..<rows).map { row in
            bench.operations.sumOfExponentials(logits, row: row, columns: columns, maximum: maxima[row])
        }
        try reduce(&sums, .sum)
        return (maxima, sums)
    }

    private func reduce<Number: MPI.Element>(_ values: inout [Number], _ operation: Reduction) throws {
        guard rankCount > 1 else { return }
        var span = values.mutableSpan
        try communicator.allReduce(&span, operation)
    }

    private func topTokens(_ logits: Buffer, rows: Int, count: Int) throws -> [[Candidate]] {
        guard count > 0 else { return Array(repeating: [], count: rows) }
        let own = transformer.localVocabulary
        return try (0..<rows).map { row in
            let offered = bench.operations.topCandidates(
                logits, row: row, columns: own.count, count: count, firstToken: own.lowerBound)
            return Array(try gather(offered, count: count).sorted(by: Candidate.isBetter).prefix(count))
        }
    }

    /// Hands the logits of every token of the chunk to rank 0's receiver, some rows at a time.
    func gatherLogits(_ step: Order.Step) throws {
        var row = 0
        while row < step.tokens.count {
            let rows = row..<min(row + Workspace.logitRows, step.tokens.count)
            let whole = try gatherRows(transformer.logits(rows), rows: rows.count)
            if isLead { try receiveLogits?(state.position - step.tokens.count + row, whole) }
            row = rows.upperBound
        }
    }

    /// The rows of all ranks side by side, `[rows, vocabulary]`.
    func gatherRows(_ logits: Buffer, rows: Int) throws -> [Float] {
        let split = plan.split(of: plan.blueprint.vocabularyAxis)
        let own = transformer.localVocabulary.count
        var part: [Float] = []
        part.reserveCapacity(rows * own)
        logits.withSpan(rows: rows) { span in
            for row in 0..<rows {
                for column in 0..<own { part.append(span[row * logits.columns + column]) }
            }
        }
        guard rankCount > 1 else { return part }
        let parts = Parts(counts: split.ranges.map { $0.count * rows })
        var received = [Float](repeating: 0, count: parts.total)
        var span = received.mutableSpan
        try communicator.allGather(part.span, into: &span, parts: parts)
        var whole = [Float](repeating: 0, count: parts.total)
        for (rank, range) in split.ranges.enumerated() {
            for row in 0..<rows {
                let source = parts.offsets[rank] + row * range.count
                let target = row * plan.blueprint.vocabulary + range.lowerBound
                whole.replaceSubrange(target..<target + range.count, with: received[source..<source + range.count])
            }
        }
        return whole
    }
}
