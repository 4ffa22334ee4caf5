import Blueprint

/// A blueprint with one layer of each kind: layers of one kind cost the same with the same cuts, so that a search for
/// cuts need not look at each of them.
struct LayerKinds {
    /// The blueprint, with the first layer of each kind.
    let blueprint: Blueprint
    /// Layers of each kind.
    let counts: [Int]  // [kinds]
    /// The kind of each layer of the complete blueprint.
    let kinds: [Int]  // [layers]

    /// What two branches have in common where they are of one kind.
    private struct BranchKind: Hashable {
        /// What one rank alone does for it.
        var stages: [StageWork]
        var heads: HeadDealing.Shape?
        var widths: [WidthDealing.Shape] = []
    }

    init(_ complete: Blueprint, _ policy: Policy, _ encodings: [String: Encoding]) {
        var alone = policy
        alone.shares = [1]
        alone.counts = [:]
        let plan = Plan(unchecked: complete, alone, encodings)
        let extents = Extents(plan, rank: 0)
        var (places, kinds, counts): ([[BranchKind]: Int], [Int], [Int]) = ([:], [], [])
        var reduced = complete
        reduced.layers = []
        for layer in complete.layers {
            let key = layer.branches.map { branch in
                Self.kind(of: branch, plan.stages(branch, branchesInLayer: layer.branches.count, extents), plan)
            }
            let place = places[key] ?? counts.count
            if place == counts.count {
                places[key] = place
                counts.append(0)
                reduced.layers.append(layer)
            }
            counts[place] += 1
            kinds.append(place)
        }
        blueprint = reduced
        self.kinds = kinds
        self.counts = counts
    }

    private static func kind(of branch: Branch, _ stages: [StageWork], _ plan: Plan) -> BranchKind {
        var kind = BranchKind(stages: stages)
        switch branch.mixer {
        case .attention(let attention):
            kind.heads = HeadDealing.Shape(CutHeads(attention, plan.policy), plan.policy, plan.encodings)
        case .deltaNet, .stateSpace:
            kind.heads = CutHeads(branch.mixer).map { HeadDealing.Shape($0, plan.policy, plan.encodings) }
        case .mlp(let mlp): kind.widths = [WidthDealing.Shape(CutWidth(mlp), plan.policy, plan.encodings)]
        case .experts(let experts):
            let widths = [CutWidth(experts)] + (experts.shared.map { [CutWidth($0)] } ?? [])
            kind.widths = widths.map { WidthDealing.Shape($0, plan.policy, plan.encodings) }
        }
        return kind
    }

    /// Counts for every axis of the complete blueprint, from those for the axes of this one.
    func expanded(_ counts: [Axis: [Int]], to complete: Blueprint) -> [Axis: [Int]] {
        var expanded = counts.filter { $0.key.layer == nil }
        for (layer, kind) in zip(complete.layers, kinds) {
            for (branch, model) in zip(layer.branches, blueprint.layers[kind].branches) {
                for (axis, known) in zip(branch.mixer.axes, model.mixer.axes) { expanded[axis] = counts[known] }
            }
        }
        return expanded
    }
}
