import Blueprint
import Compute
import Partition

/// What one rank remembers of a sequence: its heads' keys and values, and the tokens.
final class SequenceState {
    let caches: [KeyValueCache]  // one per attention mixer
    let recurrent: [RecurrentState]  // one per recurrent mixer
    private(set) var distinctTokens: Set<Int32> = []
    private(set) var tokens: [Int32] = []
    /// Whether it turns as sequences do that are longer than those of training.
    var isLong = false
    /// The next position.
    var position: Int { tokens.count }
    let context: Int

    /// Space for `plan.policy.context` tokens.
    init(plan: Plan, rank: Int, in arena: Arena) throws(ComputeError) {
        context = plan.policy.context
        tokens.reserveCapacity(context)
        var caches: [KeyValueCache] = []
        for attention in plan.blueprint.attentions {
            caches.append(
                try KeyValueCache(
                    heads: plan.heads(of: attention, rank: rank).heldCovered, positions: context,
                    heldPositions: plan.cachedPositions(attention), headSize: attention.headSize,
                    encoding: plan.policy.cache, in: arena))
        }
        self.caches = caches
        recurrent = try plan.blueprint.recurrences.map { recurrence throws(ComputeError) in
            let (local, channels) = Self.shape(recurrence, plan, rank: rank)
            return try RecurrentState(
                heads: local.heldHeads, stateSize: recurrence.stateSize, headSize: recurrence.headSize,
                channels: channels, kernelSize: recurrence.kernelSize, in: arena)
        }
    }

    func append(_ tokens: [Int32]) {
        distinctTokens.formUnion(tokens)
        self.tokens += tokens
    }

    /// Forgets everything.
    func clear() {
        distinctTokens.removeAll(keepingCapacity: true)
        tokens.removeAll(keepingCapacity: true)
        isLong = false
        for state in recurrent { state.clear() }
    }

    /// What a sequence was at some place: its states, which change with every token. Keys and values stay where they
    /// are, and those that come later are written over.
    struct Snapshot {
        fileprivate(set) var tokenCount = 0
        var isLong = false
        fileprivate var floats: [Float] = []
    }

    /// Notes what the sequence is; allocates the first time only.
    func keep(in kept: inout Snapshot?) {
        var snapshot = kept ?? Snapshot()
        kept = nil
        defer { kept = snapshot }
        snapshot.tokenCount = tokens.count
        snapshot.isLong = isLong
        let count = recurrent.reduce(0) { $0 + $1.count }
        if snapshot.floats.count != count { snapshot.floats = Array(repeating: 0, count: count) }
        var place = 0
        for state in recurrent {
            state.save(to: &snapshot.floats, at: place)
            place += state.count
        }
    }

    /// Goes back to what was noted, of this sequence.
    func takeBack(_ snapshot: Snapshot) {
        precondition(snapshot.tokenCount <= tokens.count, "A sequence goes back, not ahead.")
        precondition(isLong == snapshot.isLong, "Keys that were computed anew are not those that were kept.")
        tokens.removeLast(tokens.count - snapshot.tokenCount)
        distinctTokens = Set(tokens)
        var place = 0
        for state in recurrent {
            state.restore(from: snapshot.floats, at: place)
            place += state.count
        }
    }

    /// The heads of a rank, and the channels of its convolutions: of what is read, of what is written, of inputs.
    private static func shape(_ recurrence: Recurrence, _ plan: Plan, rank: Int) -> (LocalHeads, channels: [Int]) {
        let local = plan.heads(of: recurrence, rank: rank)
        let covered = local.heldCovered * recurrence.stateSize
        return (local, [covered, covered, local.heldHeads * recurrence.headSize])
    }

    /// Bytes that the caches and states of a rank take.
    static func byteCount(plan: Plan, rank: Int) -> Int {
        let states = plan.blueprint.recurrences.reduce(0) { total, recurrence in
            let (local, channels) = shape(recurrence, plan, rank: rank)
            return total
                + RecurrentState.byteCount(
                    heads: local.heldHeads, stateSize: recurrence.stateSize, headSize: recurrence.headSize,
                    channels: channels, kernelSize: recurrence.kernelSize)
        }
        return plan.blueprint.attentions.reduce(states) { total, attention in
            total
                + KeyValueCache.byteCount(
                    heads: plan.heads(of: attention, rank: rank).heldCovered,
                    positions: plan.cachedPositions(attention),
                    headSize: attention.headSize, encoding: plan.policy.cache)
        }
    }
}
