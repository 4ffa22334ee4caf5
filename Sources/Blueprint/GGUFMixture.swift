/// How GGUF files spell and store the mixtures of experts of a family, of which every layer has one.
struct GGUFMixture: Sendable {
    /// The name for config.json's `architectures`.
    var architecture: String
    /// Where a layer of a checkpoint has its mixture.
    var path: String
    /// The router's name below that.
    var routerName = "gate"
    /// What a checkpoint has the experts of a projection under, all in one tensor, below that.
    var stackName = "switch_mlp"
    /// `expert_gating_func`, where a file says it: 1 is a softmax over all experts, 3 one over those that are chosen.
    var gatingFunction = 1
    /// The key of config.json for the number of experts.
    var countKey = "num_experts"
    /// The key of config.json for the channels of an expert; nil where `intermediate_size` says them.
    var widthKey: String?
    /// The key of config.json for the channels of a shared expert; nil where there is none, or they are those of
    /// others. It has a gate unless files say how a token chooses.
    var sharedWidthKey: String?
    /// Whether the factors of the chosen experts are divided by their sum.
    var isNormalized = true
    /// Whether the file says how a token chooses, and which layers have an MLP instead.
    var statesRouting = false
    /// Whether every file of the family has experts.
    var isRequired = false

    /// A mixture under this path.
    init(architecture: String, path: String) {
        self.architecture = architecture
        self.path = path
    }

    /// The checkpoint's names of the parts of a layer: each projection is one tensor of all experts.
    var layerParts: [String: String] {
        var parts = ["ffn_gate_inp": "\(path).\(routerName)"]
        for name in ["gate", "up", "down"] { parts["ffn_\(name)_exps"] = "\(path).\(stackName).\(name)_proj" }
        if statesRouting { parts.merge(routingParts) { $1 } }
        guard sharedWidthKey != nil, !statesRouting else { return parts }
        for name in ["gate", "up", "down"] { parts["ffn_\(name)_shexp"] = "\(path).shared_expert.\(name)_proj" }
        parts[Self.sharedGatePart] = "\(path).shared_expert_gate"
        return parts
    }

    /// The part of a layer that is one row of a matrix, and may be a vector in the file.
    static let sharedGatePart = "ffn_gate_inp_shexp"

    /// The members of config.json that say what the family's keys say.
    ///
    /// The architecture says what the softmax is over, and whether the factors of the chosen experts are divided by
    /// their sum, as in llama.cpp, `src/models`. A file that says anything else is refused.
    func members(
        _ reader: inout ConfigurationReader, mlpWidth: Int?
    ) throws(BlueprintError) -> [String: ConfigurationValue] {
        if statesRouting { return try routingMembers(&reader) }
        let chosenCount = try reader.count("expert_used_count")
        var members: [String: ConfigurationValue] = [
            countKey: .integer(try reader.count("expert_count")), "num_experts_per_tok": .integer(chosenCount),
        ]
        if let widthKey {
            // Files of before there was the key share the MLP's channels out among the chosen experts.
            let shared = mlpWidth.map { max(1, $0 / chosenCount) }
            let width = try reader.count("expert_feed_forward_length", default: shared)
            members[widthKey] = .integer(width)
            members["norm_topk_prob"] = .boolean(isNormalized)
        }
        if let sharedWidthKey {
            let width = try reader.count("expert_shared_feed_forward_length", default: mlpWidth)
            members[sharedWidthKey] = .integer(width)
        } else {
            try reader.require("expert_shared_feed_forward_length", .integer(0))
        }
        for key in ["expert_shared_count", "leading_dense_block_count"] { try reader.require(key, .integer(0)) }
        try reader.require("expert_gating_func", .integer(gatingFunction))
        try reader.require("expert_weights_norm", .boolean(isNormalized))
        try reader.require("expert_weights_scale", .real(0), .real(1))
        for key in ["expert_group_count", "expert_group_used_count"] {
            try reader.require(key, .integer(0), .integer(1))
        }
        return members
    }
}
