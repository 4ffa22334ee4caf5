import Blueprint
import Compute
import Partition

/// What one rank remembers of a sequence: its heads' keys and values, and the tokens.
public final class SequenceState {
    let caches: [KeyValueCache]  // one per attention mixer
    private(set) var tokens: [Int32] = []
    let context: Int

    /// Space for `plan.policy.context` tokens.
    init(plan: Plan, rank: Int, in arena: Arena) throws(ComputeError) {
        context = plan.policy.context
        var caches: [KeyValueCache] = []
        for attention in plan.blueprint.attentions {
            caches.append(
                try KeyValueCache(
                    heads: plan.heads(of: attention, rank: rank).heldKeyValues, positions: context,
                    headSize: attention.headSize, in: arena))
        }
        self.caches = caches
        tokens.reserveCapacity(context)
    }

    /// The next position.
    var position: Int { tokens.count }

    func append(_ new: [Int32]) { tokens.append(contentsOf: new) }

    /// Forgets everything.
    func clear() { tokens.removeAll(keepingCapacity: true) }

    /// Bytes that the caches of a rank take.
    static func byteCount(plan: Plan, rank: Int) -> Int {
        plan.blueprint.attentions.reduce(0) { total, attention in
            total
                + KeyValueCache.byteCount(
                    heads: plan.heads(of: attention, rank: rank).heldKeyValues, positions: plan.policy.context,
                    headSize: attention.headSize)
        }
    }
}
