import Compute
import MPI
import Partition

/// Choosing the next token while the vocabulary stays in its shards.
extension Session {
    /// Chooses from each rank's best candidates; nil on rank 0 where they are too few, and always on the others.
    func choose(_ sampling: Sampling, lastRow: Int) throws -> Int? {
        let logits = transformer.logits(lastRow..<lastRow + 1)
        prepare(logits, sampling)
        let normaliser = sampling.needsNormaliser ? try normaliser(logits) : 0
        let offered = candidates(logits, sampling)
        let all = try gather(offered, count: sampling.candidatesPerRank)
        guard isLead else { return nil }
        return sampling.choice(
            among: all.sorted(by: Candidate.isBetter), floor: floor(all, sampling), normaliser: normaliser,
            position: state.position)
    }

    /// Chooses from the logits of the whole vocabulary, which the last ``choose(_:lastRow:)`` prepared.
    func chooseFromAll(_ sampling: Sampling) throws -> Int? {
        let logits = bench.buffers.logits.viewed(columns: transformer.heldVocabulary)
        let normaliser = try normaliser(logits)
        let whole = try gatherRows(logits, rows: 1)
        guard isLead else { return nil }
        let candidates = whole.enumerated().map { Candidate(token: $0.offset, logit: $0.element) }
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
    private func normaliser(_ logits: Buffer) throws -> Double {
        let (maxima, sums) = try partition(logits, rows: 1)
        return Double(maxima[0]) + Logarithm.natural(Double(sums[0]) * 0x1p-40)
    }

    /// The tokens that this rank offers.
    private func candidates(_ logits: Buffer, _ sampling: Sampling) -> [Candidate] {
        let own = transformer.localVocabulary
        guard !sampling.isGreedy, !sampling.isTruncated else {
            return bench.operations.topCandidates(
                logits, row: 0, columns: own.count, count: sampling.candidatesPerRank, firstToken: own.lowerBound)
        }
        // Without truncation the noise decides among all, so each rank need only offer its winner.
        var best: Candidate?
        logits.withSpan(rows: 1) { span in
            for index in 0..<own.count {
                let token = own.lowerBound + index
                let noisy = Double(span[index]) + sampling.noise(position: state.position, token: token)
                let candidate = Candidate(token: token, logit: Float(noisy))
                if let current = best, !Candidate.isBetter(candidate, current) { continue }
                best = candidate
            }
        }
        return best.map { [$0] } ?? []
    }

    /// Every rank's candidates on rank 0; each rank sends `count`, filled up with nothing.
    func gather(_ offered: [Candidate], count: Int) throws -> [Candidate] {
        guard rankCount > 1 else { return offered }
        var part = [Int32](repeating: -1, count: 2 * count)
        for (index, candidate) in offered.prefix(count).enumerated() {
            part[2 * index] = Int32(candidate.token)
            part[2 * index + 1] = Int32(bitPattern: candidate.logit.bitPattern)
        }
        var whole = [Int32](repeating: -1, count: 2 * count * rankCount)
        var span = whole.mutableSpan
        try communicator.gather(part.span, into: &span, root: 0)
        return stride(from: 0, to: whole.count, by: 2).compactMap { index in
            guard whole[index] >= 0 else { return nil }
            return Candidate(token: Int(whole[index]), logit: Float(bitPattern: UInt32(bitPattern: whole[index + 1])))
        }
    }

    /// The largest logit that a token outside the candidates may have.
    private func floor(_ candidates: [Candidate], _ sampling: Sampling) -> Float? {
        let split = plan.split(of: plan.blueprint.vocabularyAxis)
        let floors = split.ranges.compactMap { range -> Float? in
            guard range.count > sampling.candidatesPerRank else { return nil }
            return candidates.lazy.filter { range.contains($0.token) }.map(\.logit).min()
        }
        return floors.max()
    }
}

extension Candidate {
    /// Larger logits first; of equals the smaller id.
    static func isBetter(_ left: Candidate, _ right: Candidate) -> Bool {
        left.logit != right.logit ? left.logit > right.logit : left.token < right.token
    }
}
