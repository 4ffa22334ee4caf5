/// DeepSeek V2, V2.5, Coder V2 and their Lite models: latent attention, and a softmax that chooses the experts, after
/// some dense layers.
///
/// Reference: transformers, `models/deepseek_v2/modeling_deepseek_v2.py`.
enum DeepSeekV2: Architecture {
    static let names = ["DeepseekV2ForCausalLM"]
    /// What `topk_method` is of models with groups.
    static let groupsMethod = "group_limited_greedy"

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder(deepSeek: names[0], &reader)
        try reader.require("scoring_func", .string("softmax"))
        // The larger models choose among groups first, by the highest score of each.
        try reader.require("topk_method", .string("greedy"), .string(groupsMethod))
        let hasGroups = try reader.string("topk_method") == groupsMethod
        for key in ["n_group", "topk_group"] {
            guard hasGroups else {
                try reader.require(key, .integer(1))
                continue
            }
            _ = try reader.count(key)
        }
        try reader.require("norm_topk_prob", .boolean(false))
        var form = try ExpertForm(sigmoid: &reader)
        form.scoring = .softmax
        form.groupScoreCount = 1
        (form.hasCorrection, form.isNormalized) = (false, false)
        let dense = try reader.number("first_k_dense_replace", default: 0)
        try decoder.use(form, in: { $0 >= dense })
        return decoder.blueprint()
    }
}
