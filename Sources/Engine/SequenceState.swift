import Blueprint
import Compute
import Partition

/// What one rank remembers of a sequence: its heads' keys and values, and the tokens.
final class SequenceState {
    let caches: [KeyValueCache]  // one per attention mixer
    private(set) var distinctTokens: Set<Int32> = []
    private(set) var tokens: [Int32] = []
    /// Whether it turns as sequences do that are longer than those of training.
    var isLong = false
    /// The next position.
    private(set) var position = 0
    let context: Int

    /// Space for `plan.policy.context` tokens.
    init(plan: Plan, rank: Int, in arena: Arena) throws(ComputeError) {
        context = plan.policy.context
        tokens.reserveCapacity(context)
        var caches: [KeyValueCache] = []
        for attention in plan.blueprint.attentions {
            caches.append(
                try KeyValueCache(
                    heads: plan.heads(of: attention, rank: rank).heldKeyValues, positions: context,
                    headSize: attention.headSize, encoding: plan.policy.cache, in: arena))
        }
        self.caches = caches
    }

    func append(_ tokens: [Int32]) {
        distinctTokens.formUnion(tokens)
        self.tokens += tokens
        position += tokens.count
    }

    /// Forgets everything.
    func clear() {
        distinctTokens.removeAll(keepingCapacity: true)
        tokens.removeAll(keepingCapacity: true)
        isLong = false
        position = 0
    }

    /// Bytes that the caches of a rank take.
    static func byteCount(plan: Plan, rank: Int) -> Int {
        plan.blueprint.attentions.reduce(0) { total, attention in
            total
                + KeyValueCache.byteCount(
                    heads: plan.heads(of: attention, rank: rank).heldKeyValues, positions: plan.policy.context,
                    headSize: attention.headSize, encoding: plan.policy.cache)
        }
    }
}
