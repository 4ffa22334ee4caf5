// The keys of config.json by which several families say what their experts are.

extension ExpertForm {
    /// The keys of models whose router scores by sigmoids, with corrections and groups.
    init(sigmoid reader: inout ConfigurationReader) throws(BlueprintError) {
        let count = try reader.count("n_routed_experts")
        let width = try reader.count("moe_intermediate_size")
        self.init(
            count: count, width: width, scoring: .sigmoid, chosenCount: try reader.chosenCount(of: count),
            isNormalized: try reader.boolean("norm_topk_prob", default: true))
        hasCorrection = true
        factor = Float(try reader.positive("routed_scaling_factor", default: 1))
        groupCount = try reader.count("n_group", default: 1)
        chosenGroupCount = try reader.count("topk_group", default: 1)
        guard count.isMultiple(of: groupCount), chosenGroupCount <= groupCount, groupCount <= Router.largestGroupCount,
            groupCount == 1 || count / groupCount > 1, chosenCount <= count / groupCount * chosenGroupCount
        else {
            throw .inconsistent(
                expected: "'n_group' groups of \(count) experts, of which 'topk_group' have the \(chosenCount) chosen",
                found: "\(groupCount) and \(chosenGroupCount)")
        }
        let shared = try reader.number("n_shared_experts", default: 0)
        if shared > 0 { self.shared = ("shared_experts", shared * width) }
        for key in ["output_router_logits", "router_aux_loss_coef"] { _ = reader.value(key) }
    }

    /// The keys that all Qwen models with experts have.
    init(qwen reader: inout ConfigurationReader, isNormalizedByDefault: Bool) throws(BlueprintError) {
        let newer = try reader.integer("num_local_experts")
        let count = try reader.count("num_experts", default: newer)
        self.init(
            count: count, width: try reader.count("moe_intermediate_size"), scoring: .softmax,
            chosenCount: try reader.chosenCount(of: count),
            isNormalized: try reader.boolean("norm_topk_prob", default: isNormalizedByDefault))
        for key in ["output_router_logits", "router_aux_loss_coef"] { _ = reader.value(key) }
    }
}
