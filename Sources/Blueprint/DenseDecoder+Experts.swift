/// What a family says of its experts.
struct ExpertForm {
    /// How published checkpoints store the experts' projections; the first is preferred.
    enum Layout {
        /// A tensor for each expert and projection: `experts.3.gate_proj.weight`.
        case each(gate: String, up: String, down: String)
        /// A tensor for each projection: `switch_mlp.gate_proj.weight`, `[experts, rows, columns]`.
        case stacked(path: String, up: String = "up_proj", down: String = "down_proj")
        /// Gate and up of each expert one below the other: `experts.gate_up_proj`, `[experts, 2 * width, columns]`.
        case fused
        /// The same with their rows in turn, or with rows and columns exchanged: `experts.gate_up_proj`,
        /// `[experts, columns, 2 * width]`, and what four bits are made of.
        case interleaved
    }

    /// Experts.
    var count: Int
    /// Channels of an expert.
    var width: Int
    /// How a token chooses; its weight is the family's own.
    var scoring: Router.Scoring
    var chosenCount: Int
    var isNormalized: Bool
    var hasCorrection = false
    var groupCount = 1
    var groupScoreCount = 2
    var chosenGroupCount = 1
    var factor: Float = 1
    /// Where a layer has its mixture.
    var path = "mlp"
    /// The router's name below that.
    var routerName = "gate"
    var hasRouterBias = false
    /// Whether the experts' projections have biases.
    var hasBiases = false
    var layouts: [Layout] = [
        .each(gate: "gate_proj", up: "up_proj", down: "down_proj"), .stacked(path: "switch_mlp"), .fused,
    ]
    /// The shared expert: its path below that of the mixture, and its channels; nil where there is none.
    var shared: (path: String, width: Int)?
    /// Whether the shared expert has a gate.
    var hasSharedGate = false
}

extension DenseDecoder {
    /// The mixture of a layer.
    func mixture(_ form: ExpertForm, _ path: String, layer: Int) -> Experts {
        let members = Axis(.experts, layer: layer, count: form.count)
        let axis = Axis(.expertWidth, layer: layer, count: form.width)
        var router = Router(
            weight: Weight("\(path).\(form.routerName).weight", [form.count, width]).sensitive, scoring: form.scoring,
            chosenCount: form.chosenCount)
        router.bias = form.hasRouterBias ? Weight("\(path).\(form.routerName).bias", [form.count]) : nil
        router.isNormalized = form.isNormalized
        router.correction = form.hasCorrection ? Weight("\(path).gate.e_score_correction_bias", [form.count]) : nil
        router.groupCount = form.groupCount
        router.groupScoreCount = form.groupScoreCount
        router.chosenGroupCount = form.chosenGroupCount
        router.factor = form.factor
        func projection(_ role: Role) -> Projection {
            let isLast = role == .down
            return Projection(
                weight: Weight(
                    "\(path).experts.\(role.rawValue).weight", isLast ? [width, form.width] : [form.width, width],
                    isLast ? .columns(axis, perUnit: 1) : .rows(axis, perUnit: 1), members: members,
                    sources: form.layouts.flatMap { sources($0, role, form, path) }),
                bias: form.hasBiases ? bias(role, form, path, axis, members) : nil)
        }
        return Experts(
            router: router, gate: mlpNames.gate == nil ? nil : projection(.gate), up: projection(.up),
            down: projection(.down),
            activation: activation, axis: axis, memberAxis: members,
            shared: form.shared.map { mlp("\(path).\($0.path)", layer: layer, width: $0.width) },
            sharedGate: form.hasSharedGate ? Weight("\(path).shared_expert_gate.weight", [1, width]).sensitive : nil)
    }

    private enum Role: String {
        case gate = "gate_proj"
        case up = "up_proj"
        case down = "down_proj"
    }

    /// Where a checkpoint of that layout has a projection.
    private func sources(
        _ layout: ExpertForm.Layout, _ role: Role, _ form: ExpertForm, _ path: String
    ) -> [Weight.Source] {
        let shape = role == .down ? [width, form.width] : [form.width, width]
        switch layout {
        case .each(let gate, let up, let down):
            let name =
                switch role {
                case .gate: gate
                case .up: up
                case .down: down
                }
            return [Weight.Source("\(path).experts.*.\(name).weight", shape)]
        case .stacked(let below, let up, let down):
            let name = role == .gate ? role.rawValue : role == .up ? up : down
            return [Weight.Source("\(path).\(below).\(name).weight", [form.count] + shape)]
        case .fused where role == .down:
            return [Weight.Source("\(path).experts.down_proj", [form.count] + shape)]
        case .fused:
            return [
                Weight.Source(
                    "\(path).experts.gate_up_proj", [form.count, 2 * form.width, width],
                    runs: [Weight.Source.Run(role == .up ? form.width : 0, form.width)])
            ]
        case .interleaved where role == .down:
            return [
                Weight.Source("\(path).experts.down_proj_blocks", [form.count] + shape),
                Weight.Source("\(path).experts.down_proj", [form.count, form.width, width], isTransposed: true),
            ]
        case .interleaved:
            let runs = [Weight.Source.Run(role == .up ? 1 : 0, form.width, step: 2)]
            return [
                Weight.Source(
                    "\(path).experts.gate_up_proj_blocks", [form.count, 2 * form.width, width], runs: runs),
                Weight.Source(
                    "\(path).experts.gate_up_proj", [form.count, width, 2 * form.width], runs: runs,
                    isTransposed: true),
            ]
        }
    }

    /// The biases of a projection; those of the last one are held by every rank.
    private func bias(
        _ role: Role, _ form: ExpertForm, _ path: String, _ axis: Axis, _ members: Axis
    ) -> Weight {
        let name = "\(path).experts.\(role.rawValue).bias"
        guard role != .down else {
            let shape = [form.count, width]
            return Weight(
                name, [form.count * width],
                sources: [Weight.Source("\(path).experts.down_proj_bias", shape), Weight.Source(name, shape)])
        }
        let runs = [Weight.Source.Run(role == .up ? 1 : 0, form.width, step: 2)]
        let source = Weight.Source("\(path).experts.gate_up_proj_bias", [form.count, 2 * form.width], runs: runs)
        return Weight(
            name, [form.width], .rows(axis, perUnit: 1), members: members,
            sources: [source, Weight.Source(name, [form.count, form.width])])
    }
}

extension ConfigurationReader {
    /// How many of the experts a token chooses.
    mutating func chosenCount(of experts: Int, default fallback: Int? = nil) throws(BlueprintError) -> Int {
        let chosen = try count("num_experts_per_tok", default: fallback)
        guard chosen <= experts else {
            throw .inconsistent(
                expected: "'num_experts_per_tok' to be at most the number of experts, \(experts)", found: "\(chosen)")
        }
        return chosen
    }

    /// The layers that have experts by `mlp_only_layers` and `decoder_sparse_step`.
    mutating func mixtureLayers(layerCount: Int) throws(BlueprintError) -> Set<Int> {
        let step = try count("decoder_sparse_step", default: 1)
        let dense = Set(try integers("mlp_only_layers") ?? [])
        return Set((0..<layerCount).filter { !dense.contains($0) && ($0 + 1).isMultiple(of: step) })
    }
}
