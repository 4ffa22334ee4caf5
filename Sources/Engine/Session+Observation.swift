import Blueprint
import Compute
public import MPI
import Partition

/// Looking at the residual stream on its way.
extension Session {
    /// Has `receive` called with the residual stream before the first layer and after each one.
    ///
    /// To be called on every rank, for the ranks also compare their bits; only rank 0's `receive` is called.
    ///
    /// - Parameter receive: gets the number of layers done, `[tokens, width]`, and whether all ranks hold the same
    ///   bits.
    public func observe(
        _ receive: @escaping (_ layersDone: Int, _ hidden: [Float], _ ranksAgree: Bool) -> Void
    ) {
        transformer.observe = { [communicator, isLead] layersDone, hidden, tokens throws(MPIError) in
            let areSame = try Self.areSame(hidden, tokens: tokens, on: communicator)
            guard isLead else { return }
            var values: [Float] = []
            values.reserveCapacity(tokens * hidden.columns)
            hidden.withSpan(rows: tokens) { span in
                for index in span.indices { values.append(span[index]) }
            }
            receive(layersDone, values, areSame)
        }
    }

    /// Ends what ``observe(_:)`` began; to be called on every rank.
    public func stopObserving() { transformer.observe = nil }

    /// Whether all ranks hold the same bits.
    private static func areSame(
        _ hidden: Buffer, tokens: Int, on communicator: Communicator
    ) throws(MPIError) -> Bool {
        // FNV-1a over 32-bit words.
        let hash = hidden.withSpan(rows: tokens) { span in
            span.indices.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
                ($0 ^ UInt64(span[$1].bitPattern)) &* 0x100_0000_01B3
            }
        }
        var bounds = [hash, ~hash]
        var span = bounds.mutableSpan
        try communicator.allReduce(&span, .maximum)
        return bounds[0] == ~bounds[1]
    }

    /// Runs `body` with sums that travel in float32, whatever the plan's wire; to be called on every rank.
    public func summingPlainly<R, Failure: Error>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        bench.group.usesWire = false
        defer { bench.group.usesWire = true }
        return try body()
    }

    /// This session's model on rank 0 alone, for comparison; nil on the other ranks.
    ///
    /// - Throws: also where rank 0 cannot hold the whole model beside its shard.
    public func alone() throws(MPIError) -> Session? {
        let solo = try communicator.split(color: communicator.rank, key: 0)
        guard isLead else { return nil }
        var request = Request(
            way: plan.policy.way, context: plan.policy.context, cache: plan.policy.cache, chunk: plan.policy.chunk,
            math: plan.policy.math)
        request.threads = threadCount
        return try Placement(request, plan.blueprint, plan.encodings, on: solo).load(source)
    }
}
