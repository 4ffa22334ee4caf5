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
        let normaliser = sampling.needsNormaliser ? try normaliser(logits) : 0
        let offered = candidates(logits.row(0), sampling)
        let all = try gather(offered, count: sampling.candidatesPerRank)
        guard isLead else { return nil }
        return sampling.choice(
            among: all, floor: floor(all, sampling), normaliser: normaliser,
            position: state.position)
    }

    /// Chooses from the logits of the whole vocabulary, which the last ``choose(_:lastRow:)`` prepared.
    func chooseFromAll(_ sampling: Sampling) throws -> Int? {
        guard let logits = lastLogits else { return nil }
        let normaliser = try normaliser(logits)
        let whole = try gatherRows(logits, rows: 1)
        guard isLead else { return nil }
        let candidates = whole.enumerated().map { Candidate(logit: $0.element, id: Int32($0.offset)) }
        return sampling.choice(
            among: candidates.sorted(by: Candidate.isBetter), floor: nil, normaliser: normaliser,
            position: state.position)
    }

    /// Applies the repetition penalty and the temperature to this rank's logits.
    private func prepare(_ logits: Buffer, _ sampling: Sampling) {
        let (penalty, temperature) = (Float(sampling.repetitionPenalty), Float(sampling.temperature))
        guard penalty != 1 || (!sampling.isGreedy && temperature != 1) else { return }
        let own = transformer.localVocabulary
        let seen = penalty == 1 ? [] : Set(state.tokens).filter { own.contains(Int($0)) }
        logits.withMutableSpan(rows: 1) { span in
            for token in seen {
                let index = Int(token) - own.lowerBound
                span[index] = span[index] > 0 ? span[index] / penalty : span[index] * penalty
            }
            guard !sampling.isGreedy, temperature != 1 else { return }
            for index in 0..<own.count { span[index] /= temperature }
        }
    }

    /// The logarithm of the sum of exponentials over the whole vocabulary.
    private func normaliser(_ logits: LocalLogits) throws -> Double {
        let (maxima, sums) = try partition(logits, rows: 1)
        return Double(maxima[0]) + Logarithm.natural(Double(sums[0]) * 0x1p-40)
    }

    /// The tokens that this rank offers.
    private func candidates(_ logits: Buffer, _ sampling: Sampling) -> [Candidate] {
        let own = transformer.localVocabulary
        guard !sampling.isGreedy, !sampling.isTruncated else {
            return bestCandidates(logits, count: sampling.candidatesPerRank)
        }
        // Without truncation the noise decides among all, so each rank need only offer its winner.
        var best: Candidate?
        logits.withSpan(rows: 1) { span in
            for index in 0..<own.count {
                let token = own.lowerBound + index
                let noisy = Double(span[index]) + sampling.noise(position: state.position, token: token)
                let candidate = Candidate(logit: Float(noisy), id: Int32(token))
                if let current = best, !Candidate.isBetter(candidate, current) { continue }
                best = candidate
            }
        }
        return best.map { [$0] } ?? []
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
    func gather(_ offered: [Candidate], count: Int) throws -> [Candidate] {
        guard rankCount > 1 else { return offered }
        var part = [Int32](repeating: -1, count: 2 * count)
        for (index, candidate) in offered.prefix(count).enumerated() {
            part[2 * index] = candidate.id
            part[2 * index + 1] = Int32(bitPattern: candidate.logit.bitPattern)
        }
        var whole = [Int32](repeating: -1, count: 2 * count * rankCount)
        var span = whole.mutableSpan
        try communicator.gather(part.span, into: &span, root: 0)
        let received = stride(from: 0, to: whole.count, by: 2).map { index in
            Candidate(logit: Float(bitPattern: UInt32(bitPattern: whole[index + 1])), id: whole[index])
        }
        return received.filter { $0.id >= 0 }.sorted(by: Candidate.isBetter)
    }

    /// The largest logit that a token outside the candidates may have.
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
