import Blueprint
import Compute
import MPI
import Partition

/// Choosing the next token while the vocabulary stays in its shards.
extension Session {
    /// Chooses from each rank's best candidates; nil on rank 0 where they are too few, and always on the others.
    func choose(_ sampling: Sampling, lastRow: Int) throws -> Int? {
        let logits = transformer.logits(lastRow..<lastRow + 1)
        lastLogits = logits
        prepare(logits.row(0), sampling)
        let normaliser = sampling.needsNormaliser ? try logSums(logits, rows: 1)[0] : 0
        let offered = candidates(logits.row(0), sampling)
        let all = try gather(offered, count: sampling.candidatesPerRank)
        guard isLead else { return nil }
        guard !all.isEmpty else { throw EngineError.notFinite(position: state.position - 1) }
        return sampling.choice(
            among: all, floor: floor(all, sampling), normaliser: normaliser, position: state.position)
    }

    /// Chooses from the logits of the whole vocabulary, which the last ``choose(_:lastRow:)`` prepared.
    func chooseFromAll(_ sampling: Sampling) throws -> Int? {
        guard let logits = lastLogits else { preconditionFailure("A choice comes before the gathering of its logits.") }
        let normaliser = try logSums(logits, rows: 1)[0]
        let whole = try gatherRows(logits, rows: 1)
        guard isLead else { return nil }
        let candidates = whole.enumerated().filter { !$0.element.isNaN }
            .map { Candidate(logit: $0.element, id: Int32($0.offset)) }
        return sampling.choice(
            among: candidates.sorted(by: Candidate.isBetter), floor: nil, normaliser: normaliser,
            position: state.position)
    }

    /// Applies the repetition penalty and the temperature to this rank's logits.
    private func prepare(_ logits: Buffer, _ sampling: Sampling) {
        let (penalty, temperature) = (Float(sampling.repetitionPenalty), Float(sampling.temperature))
        guard penalty != 1 || (!sampling.isGreedy && temperature != 1) else { return }
        let own = transformer.localVocabulary
        logits.withMutableSpan(rows: 1) { span in
            if penalty != 1 {
                for token in state.distinctTokens where own.contains(Int(token)) {
                    let index = Int(token) - own.lowerBound
                    span[index] = span[index] > 0 ? span[index] / penalty : span[index] * penalty
                }
            }
            guard !sampling.isGreedy, temperature != 1 else { return }
            for index in span.indices { span[index] /= temperature }
        }
    }

    /// The tokens that this rank offers.
    private func candidates(_ logits: Buffer, _ sampling: Sampling) -> [Candidate] {
        // Without truncation the noise decides among all, so each rank need only offer its winner.
        if !sampling.isGreedy, !sampling.isTruncated { return noisiest(logits, sampling).map { [$0] } ?? [] }
        return bestCandidates(logits, count: sampling.candidatesPerRank)
    }

    /// The token with the largest logit and noise together, with their sum.
    private func noisiest(_ logits: Buffer, _ sampling: Sampling) -> Candidate? {
        let own = transformer.localVocabulary
        var best: Candidate?
        logits.withSpan(rows: 1) { span in
            for index in span.indices {
                // Noise of 52 bits is below 38: a token that much worse than the best cannot win.
                guard span[index] + 38 >= best?.logit ?? -.infinity else { continue }
                let token = own.lowerBound + index
                let noisy = Double(span[index]) + sampling.noise(position: state.position, token: token)
                let candidate = Candidate(logit: Float(noisy), id: Int32(token))
                if let current = best, !Candidate.isBetter(candidate, current) { continue }
                best = candidate
            }
        }
        return best
    }

    /// The best of a row of this rank's logits.
    func bestCandidates(_ logits: Buffer, count: Int) -> [Candidate] {
        var best = [Candidate](repeating: Candidate(logit: 0, id: 0), count: min(count, logits.columns))
        guard !best.isEmpty else { return [] }
        var span = best.mutableSpan
        let found = bench.operations.topCandidates(
            of: logits, row: 0, firstIdentifier: transformer.localVocabulary.lowerBound, into: &span)
        return Array(best.prefix(found))
    }

    /// Every rank's candidates on rank 0, best first; each rank sends `count`, filled up with nothing.
    func gather(_ offered: [Candidate], count: Int) throws(MPIError) -> [Candidate] {
        guard rankCount > 1 else { return offered }
        var part = [Int32](repeating: -1, count: 2 * count)
        for (index, candidate) in offered.prefix(count).enumerated() {
            part[2 * index] = candidate.id
            part[2 * index + 1] = Int32(bitPattern: candidate.logit.bitPattern)
        }
        var whole = [Int32](repeating: -1, count: isLead ? 2 * count * rankCount : 0)
        var span = whole.mutableSpan
        try communicator.gather(part.span, into: &span, root: 0)
        let received = stride(from: 0, to: whole.count, by: 2).map { index in
            Candidate(logit: Float(bitPattern: UInt32(bitPattern: whole[index + 1])), id: whole[index])
        }
        return received.filter { $0.id >= 0 }.sorted(by: Candidate.isBetter)
    }

    /// The largest logit that a token outside the candidates may have; nil if there is none.
    private func floor(_ candidates: [Candidate], _ sampling: Sampling) -> Float? {
        let split = plan.split(of: plan.blueprint.vocabularyAxis)
        let floors = split.ranges.compactMap { range -> Float? in
            guard range.count > sampling.candidatesPerRank else { return nil }
            return candidates.lazy.filter { range.contains(Int($0.id)) }.map(\.logit).min()
        }
        return floors.max()
    }
}

extension Candidate {
    /// Larger logits first; of equals the smaller id.
    static func isBetter(_ left: Candidate, _ right: Candidate) -> Bool {
        left.logit != right.logit ? left.logit > right.logit : left.id < right.id
    }
}
