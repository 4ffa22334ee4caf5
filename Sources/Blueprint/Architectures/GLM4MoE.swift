/// GLM 4.5: part of each head turns, and sigmoids choose the experts, after some dense layers.
///
/// Reference: transformers, `models/glm4_moe/modeling_glm4_moe.py`.
enum GLM4MoE: Architecture {
    static let names = ["Glm4MoeForCausalLM"]

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var spelling = DenseDecoder.Spelling()
        spelling.partialRotary = 0.5
        var decoder = try DenseDecoder("Glm4MoeForCausalLM", &reader, spelling: spelling)
        decoder.hasQueryKeyValueBias = try reader.boolean("attention_bias", default: false)
        decoder.hasHeadNorms = try reader.boolean("use_qk_norm", default: false)
        let form = try ExpertForm(sigmoid: &reader)
        let dense = try reader.number("first_k_dense_replace", default: 1)
        try decoder.use(form, in: { $0 >= dense })
        decoder.furtherLayers = try reader.number("num_nextn_predict_layers", default: 0)
        return decoder.blueprint()
    }
}

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
}
