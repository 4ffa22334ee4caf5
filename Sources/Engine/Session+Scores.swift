import Blueprint
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

    private func score(_ targets: [Int32], _ logits: LocalLogits, topCount: Int) throws -> [TokenScore] {
        let own = transformer.localVocabulary
        let (maxima, sums) = try partition(logits, rows: targets.count)
        var found = [Float](repeating: -.infinity, count: targets.count)
        for (row, target) in targets.enumerated() where own.contains(Int(target)) {
            found[row] = logits.row(row)[0, Int(target) - own.lowerBound]
        }
        try reduce(&found, .maximum)
        let top = try topTokens(logits, rows: targets.count, count: topCount)
        return targets.indices.map { row in
            let normaliser = Double(maxima[row]) + Logarithm.natural(Double(sums[row]) * 0x1p-40)
            return TokenScore(
                logProbability: Double(found[row]) - normaliser,
                top: top[row].map { .init(token: Int($0.id), logProbability: Double($0.logit) - normaliser) })
        }
    }

    /// The largest logit of each row over all ranks, and the sum of `2^40 exp(logit - largest)`.
    ///
    /// The sum is one of integers, so that it does not depend on how the vocabulary is split.
    func partition(_ logits: LocalLogits, rows: Int) throws -> (maxima: [Float], sums: [UInt64]) {
        var maxima = (0..<rows).map { bench.operations.maximum(of: logits.row($0), row: 0) }
        try reduce(&maxima, .maximum)
        var sums = (0..<rows).map { row in
            bench.operations.sumOfExponentials(of: logits.row(row), row: 0, maximum: maxima[row])
        }
        try reduce(&sums, .sum)
        return (maxima, sums)
    }

    private func reduce<Number: MPI.Element>(_ values: inout [Number], _ operation: Reduction) throws {
        guard rankCount > 1 else { return }
        var span = values.mutableSpan
        try communicator.allReduce(&span, operation)
    }

    private func topTokens(_ logits: LocalLogits, rows: Int, count: Int) throws -> [[Candidate]] {
        guard count > 0 else { return Array(repeating: [], count: rows) }
        return try (0..<rows).map { row in
            let offered = bestCandidates(logits.row(row), count: count)
            return Array(try gather(offered, count: count).prefix(count))
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
    func gatherRows(_ logits: LocalLogits, rows: Int) throws -> [Float] {
        let split = plan.split(of: plan.blueprint.vocabularyAxis)
        let own = transformer.localVocabulary.count
        var part: [Float] = []
        part.reserveCapacity(rows * own)
        for row in 0..<rows {
            logits.row(row).withSpan(rows: 1) { span in
                for column in span.indices { part.append(span[column]) }
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
