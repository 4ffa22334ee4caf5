import Blueprint
import Compute
import MPI
import Partition
import Weights

/// One rank's part of a model: tokens in, its rows of the logits out, in step with the others of its group.
final class Transformer {
    private struct Residual {
        let norm: LocalNorm?
        let mixer: any MixerLayer
        let postNorm: LocalNorm?
        let factor: Float
    }

    private let plan: Plan
    private let bench: Workbench
    private let embedding: Matrix  // [local vocabulary, width]
    private let layers: [[Residual]]
    private let finalNorm: LocalNorm
    private let head: Matrix  // [local vocabulary, width]
    private let longFrom: Int?  // of the blueprint
    /// The global ids of this rank's rows of the vocabulary.
    let localVocabulary: Range<Int>
    /// Called with the residual stream before the first layer and after each one.
    var observe: ((_ layersDone: Int, _ hidden: Buffer, _ tokens: Int) throws(MPIError) -> Void)?

    init(plan: Plan, shard: any Slices, bench: Workbench) {
        let blueprint = plan.blueprint
        let rank = bench.group.rank
        self.plan = plan
        self.bench = bench
        embedding = shard.matrix(blueprint.embedding)
        finalNorm = LocalNorm(blueprint.finalNorm, shard)
        head = shard.matrix(blueprint.head)
        longFrom = blueprint.longFrom
        localVocabulary = plan.split(of: blueprint.vocabularyAxis)[rank]
        var (cacheCount, stateCount) = (0, 0)
        var layers: [[Residual]] = []
        for layer in blueprint.layers {
            var residuals: [Residual] = []
            for branch in layer.branches {
                let mixer: any MixerLayer
                switch branch.mixer {
                case .attention(let attention):
                    mixer = AttentionLayer(
                        attention, cacheIndex: cacheCount, plan: plan, shard: shard, rank: rank)
                    cacheCount += 1
                case .mlp(let mlp):
                    mixer = MLPLayer(mlp, plan: plan, shard: shard)
                case .experts(let experts):
                    mixer = ExpertsLayer(experts, plan: plan, shard: shard, rank: rank)
                case .deltaNet(let net):
                    mixer = DeltaNetLayer(net, stateIndex: stateCount, plan: plan, shard: shard, rank: rank)
                    stateCount += 1
                case .stateSpace(let space):
                    mixer = StateSpaceLayer(space, stateIndex: stateCount, plan: plan, shard: shard, rank: rank)
                    stateCount += 1
                }
                residuals.append(
                    Residual(
                        norm: branch.norm.map { LocalNorm($0, shard) }, mixer: mixer,
                        postNorm: branch.postNorm.map { LocalNorm($0, shard) }, factor: branch.factor))
            }
            layers.append(residuals)
        }
        self.layers = layers
    }

    /// Runs the tokens through every layer; their residual stream is left in `buffers.hidden`.
    func forward(_ tokens: [Int32], state: SequenceState) throws(MPIError) {
        if let longFrom, !state.isLong, state.position + tokens.count > longFrom {
            try turnAsLong(state)
        }
        try pass(tokens, state: state, isObserved: true)
    }

    /// Computes the keys of a sequence anew that has become too long to turn as short ones do.
    private func turnAsLong(_ state: SequenceState) throws(MPIError) {
        let earlier = state.tokens
        state.clear()
        state.isLong = true
        for first in stride(from: 0, to: earlier.count, by: plan.policy.chunk) {
            let last = min(earlier.count, first + plan.policy.chunk)
            try pass(Array(earlier[first..<last]), state: state, isObserved: false)
        }
    }

    private func pass(_ tokens: [Int32], state: SequenceState, isObserved: Bool) throws(MPIError) {
        let observe = isObserved ? observe : nil
        let chunk = Chunk(tokens: tokens.count, firstPosition: state.position)
        let (operations, buffers) = (bench.operations, bench.buffers)
        operations.embed(tokens.span, table: embedding, firstRow: localVocabulary.lowerBound, into: buffers.hidden)
        try bench.group.shareEmbedding(of: tokens, buffers.hidden)
        let embeddingFactor = plan.blueprint.embeddingFactor
        if embeddingFactor != 1 { operations.scale(buffers.hidden, by: embeddingFactor, tokens: chunk.tokens) }
        try observe?(0, buffers.hidden, chunk.tokens)
        for (index, layer) in layers.enumerated() {
            for residual in layer {
                if let norm = residual.norm {
                    norm(buffers.hidden, tokens: chunk.tokens, into: buffers.normed, operations)
                } else {
                    operations.copy(
                        buffers.hidden, tokens: chunk.tokens, columns: buffers.hidden.columns, into: buffers.normed,
                        column: 0)
                }
                try bench.clock.measure(residual.mixer.phase, layer: index) { () throws(MPIError) in
                    try residual.mixer.forward(chunk, state: state, on: bench)
                }
                residual.postNorm?(buffers.branch, tokens: chunk.tokens, into: buffers.branch, operations)
                if residual.factor == 1 {
                    operations.add(buffers.branch, to: buffers.hidden, tokens: chunk.tokens)
                } else {
                    operations.add(
                        buffers.branch, times: residual.factor, to: buffers.hidden, tokens: chunk.tokens)
                }
                bench.group.progressed()
            }
            try observe?(index + 1, buffers.hidden, chunk.tokens)
        }
        state.append(tokens)
    }

    /// This rank's part of the logits of some tokens of the last chunk.
    func logits(_ rows: Range<Int>) -> LocalLogits {
        defer { bench.group.progressed() }
        return bench.clock.measure(.head) { localLogits(rows) }
    }

    private func localLogits(_ rows: Range<Int>) -> LocalLogits {
        let hidden = bench.buffers.hidden.rows(rows)
        let logits = bench.buffers.logits.viewed(columns: head.rows)
        finalNorm(hidden, tokens: rows.count, into: bench.buffers.normed, bench.operations)
        bench.operations.multiply(bench.buffers.normed, tokens: rows.count, by: head, bias: nil, into: logits)
        let (factor, cap) = (plan.blueprint.logitFactor, plan.blueprint.logitCap)
        if factor != 1 { bench.operations.scale(logits, by: factor, tokens: rows.count) }
        if let cap { bench.operations.cap(logits, at: cap, tokens: rows.count) }
        return LocalLogits(logits, columns: localVocabulary.count)
    }
}
