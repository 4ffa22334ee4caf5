import Blueprint
import Compute
import MPI
import Partition
import Weights

/// One rank's part of a mixture of experts: a range of every expert's channels, whole experts, or a range of the
/// channels of all experts end to end.
///
/// Every rank scores all experts from the same stream with the canonical kernels, and so chooses alike. Rows are the
/// choices of a chunk sorted by expert; each expert is read once for all of its rows, and not at all without any.
/// Activations lie expert by expert, of each `[rows, local channels]`, since a rank may have unlike parts of them.
/// Outputs are added expert by expert, whatever the ranks hold.
struct ExpertsLayer: MixerLayer {
    let phase = Phase.mlp
    private let experts: Experts
    private let cut: ExpertCut
    private let rank: Int
    private let runs: [[ExpertRun]]  // [ranks]: the experts of each rank, before the last projection
    private let members: Range<Int>  // those of this rank
    private let cutExperts: [(expert: Int, parts: [Range<Int>])]  // those of which several ranks have channels
    private let router: Matrix  // [experts, width]
    private let bias: Vector?  // [experts]
    private let correction: Vector?  // [experts]
    private let gate: LocalExperts?  // of each own expert, [channels, width]
    private let up: LocalExperts  // likewise
    private let downBias: Vector?  // [experts * width]
    // Sum: of each own expert, [width, channels]; gather: of each, [local width, all channels].
    private let down: [Matrix]
    private let shared: SharedExpert?
    private let inputGathering: Gathering
    private let outputGathering: Gathering

    init(_ experts: Experts, plan: Plan, shard: any Slices, rank: Int) {
        self.experts = experts
        cut = plan.cut(of: experts)
        self.rank = rank
        runs = (0..<plan.rankCount).map { plan.runs(of: experts, rank: $0) }
        members = runs[rank][0].members.lowerBound..<runs[rank][runs[rank].count - 1].members.upperBound
        cutExperts = plan.cutExperts(of: experts).map { ($0.expert, $0.parts.map(\.channels)) }
        router = shard.matrix(experts.router.weight)
        bias = experts.router.bias.map { shard.vector($0) }
        correction = experts.router.correction.map { shard.vector($0) }
        gate = experts.gate.map { LocalExperts($0, shard) }
        up = LocalExperts(experts.up, shard)
        downBias = experts.down.bias.map { shard.vector($0) }
        down = shard.matrices(experts.down.weight)
        let cutting = plan.policy.cutting
        inputGathering = Gathering(plan.split(of: experts.axis), perUnit: 1, cutting: cutting)
        outputGathering = Gathering(plan.split(of: plan.blueprint.widthAxis), perUnit: 1, cutting: cutting)
        shared = experts.shared.map { SharedExpert($0, gate: experts.sharedGate, plan: plan, shard: shard) }
    }

    func forward(_ chunk: Chunk, state: SequenceState, on bench: Workbench) throws(MPIError) {
        let (operations, buffers, group, tokens) = (bench.operations, bench.buffers, bench.group, chunk.tokens)
        let isGathered = group.plan.policy.way == .gather && !group.isAlone
        choose(tokens: tokens, bench)
        // Where inputs are gathered a rank has its rows of the output, else its part of a sum.
        let result = isGathered ? buffers.part.viewed(columns: down[0].rows) : buffers.branch
        if let shared {
            try shared.forward(tokens: tokens, into: result, isGathered: isGathered, on: bench)
        } else {
            operations.clear(result, tokens: tokens)
        }
        let inner = raise(tokens: tokens, bench)
        if isGathered {
            let whole = try gather(inner, bench)
            lower(whole, 0..<down.count, into: result, bench)
            try group.gather(result, outputGathering, tokens: tokens, into: buffers.branch, operations)
        } else {
            lower(inner, members, into: result, bench)
            try group.sum(buffers.branch, tokens: tokens, operations)
        }
        addBiases(tokens: tokens, bench)
    }

    /// Adds the biases of the chosen experts' last projections to the complete output: once, whatever was summed.
    private func addBiases(tokens: Int, _ bench: Workbench) {
        guard let downBias else { return }
        for expert in 0..<experts.memberAxis.count {
            bench.operations.add(
                downBias, row: expert, bench.routing.rows(of: expert), of: bench.routing, to: bench.buffers.branch)
        }
    }

    /// Scores and choices of every token, the same on every rank.
    private func choose(tokens: Int, _ bench: Workbench) {
        let exact = bench.operations.exact
        let scores = bench.buffers.scores.viewed(columns: experts.memberAxis.count)
        exact.multiply(bench.buffers.normed, tokens: tokens, by: router, bias: bias, into: scores)
        exact.choose(experts.router, logits: scores, tokens: tokens, correction: correction, into: bench.routing)
    }

    /// The activations of this rank's channels of its experts, expert by expert in one row.
    private func raise(tokens: Int, _ bench: Workbench) -> Buffer {
        let (operations, routing) = (bench.operations, bench.routing)
        let count = elementCount(rank, routing)
        let raised = bench.buffers.up.view(rows: 1, columns: count)
        let activated = bench.buffers.gate.view(rows: 1, columns: count)
        var start = 0
        for expert in members {
            let rows = routing.rows(of: expert)
            guard !rows.isEmpty else { continue }
            let channels = up.channels(expert - members.lowerBound)
            // One token is the input of all its experts.
            let input = tokens == 1 ? bench.buffers.normed : bench.buffers.expertInput
            if tokens > 1 { operations.take(rows, of: routing, from: bench.buffers.normed, into: input) }
            func local(_ buffer: Buffer) -> Buffer { buffer.view(from: start, rows: rows.count, columns: channels) }
            let raising = up.product(expert - members.lowerBound, into: local(raised))
            let gating = gate?.product(expert - members.lowerBound, into: local(activated))
            start += rows.count * channels
            if let gating {
                operations.multiply(input, tokens: rows.count, gating, raising)
            } else {
                operations.multiply(input, tokens: rows.count, raising)
            }
            routing.byteCountRead += gate?.byteCount(expert - members.lowerBound) ?? 0
            routing.byteCountRead += up.byteCount(expert - members.lowerBound)
        }
        operations.activate(
            experts.activation, gate: gate == nil ? nil : activated, up: raised, tokens: 1, into: activated)
        return activated
    }

    /// Activations of a rank.
    private func elementCount(_ rank: Int, _ routing: Routing) -> Int {
        runs[rank].reduce(0) { $0 + routing.rows(of: $1.members).count * $1.heldChannels }
    }

    /// The activations of all rows, `[rows, all channels]`, from each rank's.
    private func gather(_ inner: Buffer, _ bench: Workbench) throws(MPIError) -> Buffer {
        let rows = bench.routing.rows(of: 0..<experts.memberAxis.count)
        let whole = bench.buffers.gathered.view(rows: rows.count, columns: experts.axis.count)
        switch cut {
        case .inside:
            let part = inner.view(rows: rows.count, columns: inputGathering.heldColumns[rank])
            try bench.group.gather(part, inputGathering, tokens: rows.count, into: whole, bench.operations)
        case .whole, .mixed:
            // Ranks have consecutive experts: their rows come in order, and the parts of a cut one too.
            let counts = runs.indices.map { elementCount($0, bench.routing) }
            try bench.group.gather(inner, counts: counts, into: whole)
            joinParts(whole, bench)
        }
        return whole
    }

    /// Puts the channels of every cut expert side by side, `[rows, all channels]`, where those of one rank come after
    /// those of another.
    private func joinParts(_ whole: Buffer, _ bench: Workbench) {
        let (operations, width) = (bench.operations, experts.axis.count)
        for (expert, parts) in cutExperts {
            let rows = bench.routing.rows(of: expert)
            // The parts of one row are in order.
            guard rows.count > 1 else { continue }
            let apart = bench.buffers.exchange.view(rows: rows.count, columns: width)
            operations.copy(whole.rows(rows), tokens: rows.count, columns: width, into: apart, column: 0)
            for channels in parts {
                let part = apart.view(
                    from: rows.count * channels.lowerBound, rows: rows.count, columns: channels.count)
                operations.copy(
                    part, tokens: rows.count, columns: channels.count, into: whole.rows(rows),
                    column: channels.lowerBound)
            }
        }
    }

    /// Adds the outputs of some experts to the result, from their activations expert by expert.
    private func lower(_ inner: Buffer, _ members: Range<Int>, into result: Buffer, _ bench: Workbench) {
        let output = bench.buffers.expertOutput.viewed(columns: result.columns)
        var start = 0
        for expert in members {
            let (rows, matrix) = (bench.routing.rows(of: expert), down[expert - members.lowerBound])
            guard !rows.isEmpty else { continue }
            let input = inner.view(from: start, rows: rows.count, columns: matrix.columns)
            start += input.count
            bench.operations.multiply(input, tokens: rows.count, by: matrix, into: output)
            bench.operations.add(output, rows, of: bench.routing, to: result)
            bench.routing.byteCountRead += matrix.byteCount
        }
    }
}

/// One rank's rows of a first projection of its experts.
private struct LocalExperts {
    private let matrices: [Matrix]
    private let biases: [Vector]?

    init(_ projection: Projection, _ shard: any Slices) {
        matrices = shard.matrices(projection.weight)
        biases = projection.bias.map { shard.vectors($0) }
    }

    func byteCount(_ expert: Int) -> Int { matrices[expert].byteCount }

    func channels(_ expert: Int) -> Int { matrices[expert].rows }

    func product(_ expert: Int, into output: Buffer) -> Product {
        Product(matrices[expert], bias: biases?[expert], into: output)
    }
}

/// One rank's channels of the expert that every token goes through.
private struct SharedExpert {
    private let channels: LocalChannels
    private let down: Matrix  // sum: [width, local MLP width]; gather: [local width, MLP width]
    private let factor: Matrix?  // [1, width]
    private let width: Int
    private let inputGathering: Gathering

    init(_ mlp: MLP, gate factor: Weight?, plan: Plan, shard: any Slices) {
        channels = LocalChannels(mlp, shard)
        down = shard.matrix(mlp.down.weight)
        self.factor = factor.map { shard.matrix($0) }
        width = mlp.axis.count
        inputGathering = Gathering(plan.split(of: mlp.axis), perUnit: 1, cutting: plan.policy.cutting)
    }

    /// Leaves this rank's part of a sum, or its rows of the output, in `result`.
    func forward(tokens: Int, into result: Buffer, isGathered: Bool, on bench: Workbench) throws(MPIError) {
        let operations = bench.operations
        var inner = channels(tokens: tokens, on: bench)
        if isGathered {
            let whole = bench.buffers.gathered.view(rows: tokens, columns: width)
            try bench.group.gather(inner, inputGathering, tokens: tokens, into: whole, operations)
            inner = whole
        }
        operations.multiply(inner, tokens: tokens, by: down, into: result)
        guard let factor else { return }
        // After the choice its scores are not needed any more.
        let gates = bench.buffers.scores.view(rows: tokens, columns: 1)
        operations.exact.multiply(bench.buffers.normed, tokens: tokens, by: factor, into: gates)
        operations.scale(result, bySigmoidOf: gates, tokens: tokens)
    }
}

extension Routing {
    /// Room for a chunk of a plan.
    convenience init(_ plan: Plan) {
        let mixtures = plan.blueprint.layers.flatMap(\.branches).compactMap { branch -> Experts? in
            if case .experts(let experts) = branch.mixer { experts } else { nil }
        }
        self.init(
            tokens: mixtures.isEmpty ? 0 : plan.policy.chunk,
            chosenCount: mixtures.map(\.router.chosenCount).max() ?? 0,
            experts: mixtures.map(\.memberAxis.count).max() ?? 0)
    }
}
