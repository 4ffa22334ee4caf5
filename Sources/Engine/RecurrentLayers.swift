import Blueprint
import Compute
import MPI
import Partition
import Weights

/// One rank's channels of a short convolution.
private struct LocalConvolution {
    private let weight: Vector  // [local channels * positions]
    private let bias: Vector?  // [local channels]

    init(_ convolution: Convolution, _ shard: any Slices) {
        weight = shard.vector(convolution.weight)
        bias = convolution.bias.map { shard.vector($0) }
    }

    func callAsFunction(_ x: Buffer, tokens: Int, window: Buffer, _ operations: Operations) {
        operations.convolve(x, tokens: tokens, weight: weight, bias: bias, window: window)
    }
}

/// What recurrent mixers of one rank have in common: the heads, the buffers of a chunk, the convolutions, and the last
/// projection.
private struct LocalRecurrence {
    let recurrence: Recurrence
    let local: LocalHeads
    let covered: HeadMap
    let stateIndex: Int
    let output: LastProjection
    private let convolutions: [LocalConvolution]

    /// - Parameter stateIndex: which of the sequence's states is this layer's.
    init(_ mixer: any RecurrentMixer, stateIndex: Int, plan: Plan, shard: any Slices, rank: Int) {
        recurrence = mixer.recurrence
        self.stateIndex = stateIndex
        local = plan.heads(of: recurrence, rank: rank)
        covered = HeadMap(local.coveredHead)
        convolutions = mixer.convolutions.map { LocalConvolution($0, shard) }
        output = LastProjection(
            mixer.output, axis: recurrence.axis, perUnit: recurrence.headSize, plan: plan, shard: shard)
    }

    /// `[tokens, held covered heads * stateSize]`: what is read of states, and what is written.
    func coveredBuffers(_ bench: Workbench) -> (read: Buffer, written: Buffer) {
        let columns = local.heldCovered * recurrence.stateSize
        return (bench.buffers.queries.viewed(columns: columns), bench.buffers.keys.viewed(columns: columns))
    }

    /// `[tokens, held heads * headSize]`: inputs of heads, their gates, and what they give.
    func headBuffers(_ bench: Workbench) -> (inputs: Buffer, gates: Buffer, outputs: Buffer) {
        let columns = local.heldHeads * recurrence.headSize
        return (
            bench.buffers.values.viewed(columns: columns), bench.buffers.besides.viewed(columns: columns),
            bench.buffers.heads.viewed(columns: columns)
        )
    }

    /// `[tokens, held heads]` twice: what states keep, and how much they take.
    func rates(_ tokens: Int, _ bench: Workbench) -> (decays: Buffer, steps: Buffer) {
        let (rates, heads) = (bench.buffers.rates, local.heldHeads)
        return (
            rates.view(rows: tokens, columns: heads), rates.view(from: tokens * heads, rows: tokens, columns: heads)
        )
    }

    func convolve(tokens: Int, _ state: RecurrentState, _ bench: Workbench) {
        let (read, written) = coveredBuffers(bench)
        let inputs = headBuffers(bench).inputs
        convolutions[0](read, tokens: tokens, window: state.windows[0], bench.operations)
        convolutions[1](written, tokens: tokens, window: state.windows[1], bench.operations)
        convolutions[2](inputs, tokens: tokens, window: state.windows[2], bench.operations)
    }

    func recur(tokens: Int, hasDeltaRule: Bool, skip: Vector?, _ state: RecurrentState, _ bench: Workbench) {
        let (read, written) = coveredBuffers(bench)
        let (inputs, _, outputs) = headBuffers(bench)
        let (decays, steps) = rates(tokens, bench)
        bench.operations.recur(
            q: read, k: written, v: inputs, decays: decays, steps: steps, hasDeltaRule: hasDeltaRule,
            covered: covered, skip: skip, stateSize: recurrence.stateSize, headSize: recurrence.headSize,
            tokens: tokens, states: state.states, into: outputs)
    }
}

/// One rank's heads of a gated delta net.
struct DeltaNetLayer: MixerLayer {
    let phase = Phase.attention
    private let common: LocalRecurrence
    private let query: LocalProjection  // [local key heads * key size, width]
    private let key: LocalProjection  // likewise
    private let value: LocalProjection  // [local value heads * value size, width]
    private let gate: LocalProjection  // likewise
    private let decay: LocalProjection  // [local value heads, width]
    private let step: LocalProjection  // likewise
    private let decayLog: Vector  // [local value heads]
    private let decayBias: Vector  // likewise
    private let norm: LocalNorm  // [value size]

    /// Added to the sum of squares of a query or key (`l2norm` of the reference).
    private static let unitEpsilon: Float = 1e-6

    init(_ net: DeltaNet, stateIndex: Int, plan: Plan, shard: any Slices, rank: Int) {
        common = LocalRecurrence(net, stateIndex: stateIndex, plan: plan, shard: shard, rank: rank)
        query = LocalProjection(net.query, shard)
        key = LocalProjection(net.key, shard)
        value = LocalProjection(net.value, shard)
        gate = LocalProjection(net.gate, shard)
        decay = LocalProjection(net.decay, shard)
        step = LocalProjection(net.step, shard)
        decayLog = shard.vector(net.decayLog)
        decayBias = shard.vector(net.decayBias)
        norm = LocalNorm(net.norm, shard)
    }

    func forward(_ chunk: Chunk, state: SequenceState, on bench: Workbench) throws(MPIError) {
        let (operations, tokens, normed) = (bench.operations, chunk.tokens, bench.buffers.normed)
        let (queries, keys) = common.coveredBuffers(bench)
        let (values, gates, read) = common.headBuffers(bench)
        let (decays, steps) = common.rates(tokens, bench)
        let (recurrence, own) = (common.recurrence, state.recurrent[common.stateIndex])
        operations.multiply(
            normed, tokens: tokens, query.product(into: queries), key.product(into: keys), value.product(into: values))
        operations.multiply(
            normed, tokens: tokens, gate.product(into: gates), decay.product(into: decays), step.product(into: steps))
        common.convolve(tokens: tokens, own, bench)
        makeUnit(queries, tokens: tokens, factor: 1 / Float(recurrence.stateSize).squareRoot(), operations)
        makeUnit(keys, tokens: tokens, factor: 1, operations)
        operations.forget(decays, tokens: tokens, log: decayLog, bias: decayBias)
        operations.sigmoid(steps, tokens: tokens)
        common.recur(tokens: tokens, hasDeltaRule: true, skip: nil, own, bench)
        norm.normalizeHeads(
            read, tokens: tokens, heads: common.local.heldHeads, headSize: recurrence.headSize, operations)
        operations.activate(.silu, gate: gates, up: read, tokens: tokens, into: read)
        try common.output(read, tokens: tokens, on: bench)
    }
}

extension DeltaNetLayer {
    private func makeUnit(_ buffer: Buffer, tokens: Int, factor: Float, _ operations: Operations) {
        operations.makeUnit(
            buffer, tokens: tokens, heads: common.local.heldCovered, headSize: common.recurrence.stateSize,
            epsilon: Self.unitEpsilon, factor: factor)
    }
}

/// One rank's heads of a Mamba 2.
struct StateSpaceLayer: MixerLayer {
    let phase = Phase.attention
    private let common: LocalRecurrence
    private let gate: LocalProjection  // [local heads * head size, width]
    private let input: LocalProjection  // likewise
    private let write: LocalProjection  // [local groups * state size, width]
    private let read: LocalProjection  // likewise
    private let step: LocalProjection  // [local heads, width]
    private let stepBias: Vector  // [local heads]
    private let decayLog: Vector  // likewise
    private let skip: Vector  // likewise
    private let norm: LocalNorm  // [local heads * head size]
    private let exchangesSquares: Bool

    init(_ space: StateSpace, stateIndex: Int, plan: Plan, shard: any Slices, rank: Int) {
        common = LocalRecurrence(space, stateIndex: stateIndex, plan: plan, shard: shard, rank: rank)
        gate = LocalProjection(space.gate, shard)
        input = LocalProjection(space.input, shard)
        write = LocalProjection(space.write, shard)
        read = LocalProjection(space.read, shard)
        step = LocalProjection(space.step, shard)
        stepBias = shard.vector(space.stepBias)
        decayLog = shard.vector(space.decayLog)
        skip = shard.vector(space.skip)
        norm = LocalNorm(space.norm, shard)
        exchangesSquares = plan.exchangesSquares(space)
    }

    func forward(_ chunk: Chunk, state: SequenceState, on bench: Workbench) throws(MPIError) {
        let (operations, tokens, normed) = (bench.operations, chunk.tokens, bench.buffers.normed)
        let (reads, writes) = common.coveredBuffers(bench)
        let (inputs, gates, outputs) = common.headBuffers(bench)
        let (decays, steps) = common.rates(tokens, bench)
        let own = state.recurrent[common.stateIndex]
        operations.multiply(
            normed, tokens: tokens, read.product(into: reads), write.product(into: writes), input.product(into: inputs))
        operations.multiply(normed, tokens: tokens, gate.product(into: gates), step.product(into: decays))
        common.convolve(tokens: tokens, own, bench)
        operations.forget(decays, tokens: tokens, log: decayLog, bias: stepBias, steps: steps)
        common.recur(tokens: tokens, hasDeltaRule: false, skip: skip, own, bench)
        operations.activate(.silu, gate: gates, up: outputs, tokens: tokens, into: outputs)
        try normalize(outputs, tokens: tokens, bench)
        try common.output(outputs, tokens: tokens, on: bench)
    }

    /// The norm over the channels of each group, of which ranks may have parts.
    private func normalize(_ outputs: Buffer, tokens: Int, _ bench: Workbench) throws(MPIError) {
        let (recurrence, heads) = (common.recurrence, common.local.heads)
        let sums = bench.buffers.squares.viewed(columns: recurrence.axis.count)
        bench.operations.clear(sums, tokens: tokens)
        bench.operations.sumSquares(
            outputs, tokens: tokens, heads: heads.count, headSize: recurrence.headSize, into: sums,
            at: heads.lowerBound)
        if exchangesSquares { try bench.group.combine(sums, tokens: tokens) }
        norm.normalize(
            outputs, tokens: tokens, heads: heads, headSize: recurrence.headSize, bySquares: sums,
            groupSize: recurrence.groupSize, bench.operations)
    }
}
