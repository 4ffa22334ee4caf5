import Blueprint
import Compute
import MPI
import Partition

/// Probabilities and logits over a vocabulary that stays in its shards.
extension Session {
    /// Scores each token of the chunk's followers; a maximum, a sum and a target per token are exchanged.
    func score(_ step: Order.Step) throws -> [TokenScore] {
        let followers = Array(step.tokens.dropFirst()) + (step.following >= 0 ? [step.following] : [])
        return try rowGroups(followers.count).flatMap { rows in
            try score(followers[rows], transformer.logits(rows), topCount: Int(step.topCount))
        }
    }

    private func score(
        _ targets: ArraySlice<Int32>, _ logits: LocalLogits, topCount: Int
    ) throws -> [TokenScore] {
        let own = transformer.localVocabulary
        let logSums = try logSums(logits, rows: targets.count)
        var found = [Float](repeating: -.infinity, count: targets.count)
        for (row, target) in targets.enumerated() where own.contains(Int(target)) {
            found[row] = logits.row(row)[0, Int(target) - own.lowerBound]
        }
        try reduce(&found, .maximum)
        let top = try topTokens(logits, rows: targets.count, count: topCount)
        return try found.indices.map { row in
            let logProbability = Double(found[row]) - logSums[row]
            guard logProbability.isFinite else { throw EngineError.notFinite(position: state.position) }
            return TokenScore(
                logProbability: logProbability,
                top: top[row].map { .init(token: Int($0.id), logProbability: Double($0.logit) - logSums[row]) })
        }
    }

    /// The logarithm of the sum of exponentials of each row over all ranks.
    ///
    /// The sum is one of integers, so that it does not depend on how the vocabulary is split.
    func logSums(_ logits: LocalLogits, rows: Int) throws -> [Double] {
        var maxima = (0..<rows).map { bench.operations.maximum(of: logits.row($0), row: 0) }
        try reduce(&maxima, .maximum)
        guard maxima.allSatisfy(\.isFinite) else { throw EngineError.notFinite(position: state.position) }
        var sums = (0..<rows).map { row in
            bench.operations.sumOfExponentials(of: logits.row(row), row: 0, maximum: maxima[row])
        }
        try reduce(&sums, .sum)
        return zip(maxima, sums).map { Double($0) + Logarithm.natural(Double($1) * 0x1p-40) }
    }

    private func reduce<Number: MPI.Element>(_ values: inout [Number], _ operation: Reduction) throws(MPIError) {
        guard rankCount > 1 else { return }
        var span = values.mutableSpan
        try communicator.allReduce(&span, operation)
    }

    private func topTokens(_ logits: LocalLogits, rows: Int, count: Int) throws(MPIError) -> [[Candidate]] {
        guard count > 0 else { return Array(repeating: [], count: rows) }
        var top: [[Candidate]] = []
        for row in 0..<rows {
            let offered = bestCandidates(logits.row(row), count: count)
            top.append(Array(try gather(offered, count: count).prefix(count)))
        }
        return top
    }

    /// Hands the logits of every token of the chunk to rank 0's receiver, some rows at a time.
    func gatherLogits(_ step: Order.Step) throws {
        for rows in rowGroups(step.tokens.count) {
            let whole = try gatherRows(transformer.logits(rows), rows: rows.count)
            if isLead { try receiveLogits?(state.position - step.tokens.count + rows.lowerBound, whole) }
        }
    }

    private func rowGroups(_ count: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: Workspace.logitRows).map { $0..<min($0 + Workspace.logitRows, count) }
    }

    /// The rows of all ranks side by side on rank 0, `[rows, vocabulary]`; empty on the others.
    func gatherRows(_ logits: LocalLogits, rows: Int) throws(MPIError) -> [Float] {
        let split = plan.split(of: plan.blueprint.vocabularyAxis)
        var part: [Float] = []
        part.reserveCapacity(rows * transformer.localVocabulary.count)
        for row in 0..<rows {
            logits.row(row).withSpan(rows: 1) { span in
                for column in span.indices { part.append(span[column]) }
            }
        }
        guard rankCount > 1 else { return part }
        let parts = Parts(counts: split.ranges.map { $0.count * rows })
        var received = [Float](repeating: 0, count: isLead ? parts.total : 0)
        var span = received.mutableSpan
        try communicator.gather(part.span, into: &span, parts: parts, root: 0)
        return isLead ? sideBySide(received, parts, split, rows: rows) : []
    }

    private func sideBySide(_ received: [Float], _ parts: Parts, _ split: Split, rows: Int) -> [Float] {
        var whole: [Float] = []
        whole.reserveCapacity(received.count)
        for row in 0..<rows {
            for (rank, range) in split.ranges.enumerated() {
                let start = parts.offsets[rank] + row * range.count
                whole += received[start..<start + range.count]
            }
        }
        return whole
    }
}
