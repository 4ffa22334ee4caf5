/// The members of a config.json that says what a GGUF file's metadata says.
struct GGUFConfiguration {
    /// With the names of experts where the file has any.
    private(set) var family: GGUFFamily
    let shapes: [String: [Int]]
    let frequencyFactors: [Float]?
    let endTokens: [Int]
    private(set) var heads = 1
    private(set) var keyValueHeads = 1

    init(family: GGUFFamily, shapes: [String: [Int]], frequencyFactors: [Float]?, endTokens: [Int]) {
        self.family = family
        self.shapes = shapes
        self.frequencyFactors = frequencyFactors
        self.endTokens = endTokens
    }

    /// Reads the family's keys, their prefix taken off.
    mutating func members(_ reader: inout ConfigurationReader) throws(BlueprintError) -> [String: ConfigurationValue] {
        guard let vocabulary = shapes["token_embd.weight"]?.first else {
            throw .inconsistent(expected: "a tensor 'token_embd.weight'", found: "none")
        }
        let width = try reader.count("embedding_length")
        heads = try reader.count("attention.head_count")
        keyValueHeads = try reader.count("attention.head_count_kv", default: heads)
        let headSize = try headSize(&reader, width: width)
        let context = try reader.count("context_length")
        let mlpWidth = try reader.count("feed_forward_length")
        var members: [String: ConfigurationValue] = [
            "vocab_size": .integer(vocabulary), "hidden_size": .integer(width), "num_attention_heads": .integer(heads),
            "num_key_value_heads": .integer(keyValueHeads), "head_dim": .integer(headSize),
            "hidden_act": .string("silu"),
            "num_hidden_layers": .integer(try reader.count("block_count")),
            "intermediate_size": .integer(mlpWidth),
            "max_position_embeddings": .integer(context),
            "rms_norm_eps": .real(try reader.positive("attention.layer_norm_rms_epsilon")),
            "tie_word_embeddings": .boolean(shapes["output.weight"] == nil),
        ]
        if !endTokens.isEmpty { members["eos_token_id"] = .array(endTokens.map(ConfigurationValue.integer)) }
        if family.statesAttentionBias, shapes["blk.0.attn_q.bias"] != nil { members["attention_bias"] = .boolean(true) }
        if shapes["blk.0.ffn_gate.bias"] != nil { members["mlp_bias"] = .boolean(true) }
        try addExperts(&members, &reader, mlpWidth: mlpWidth)
        try addArchitecture(&members, &reader)
        try addRotary(&members, &reader, headSize: headSize, context: context)
        try passOver(&reader)
        return members
    }

    private func headSize(_ reader: inout ConfigurationReader, width: Int) throws(BlueprintError) -> Int {
        let headSize = try reader.count("attention.key_length", default: max(1, width / heads))
        let valueSize = try reader.count("attention.value_length", default: headSize)
        guard valueSize == headSize else {
            throw .inconsistent(
                expected: "'attention.value_length' to be 'attention.key_length', \(headSize)", found: "\(valueSize)")
        }
        return headSize
    }

    /// Makes mixtures of experts of the MLPs where the file has any.
    private mutating func addExperts(
        _ members: inout [String: ConfigurationValue], _ reader: inout ConfigurationReader, mlpWidth: Int
    ) throws(BlueprintError) {
        let count = try reader.integer("expert_count") ?? 0
        guard let mixture = family.mixture, mixture.isRequired || count != 0 else {
            for key in ["expert_count", "expert_used_count"] { try reader.require(key, .integer(0)) }
            return
        }
        family = family.holding(mixture)
        members.merge(try mixture.members(&reader, mlpWidth: mlpWidth)) { $1 }
    }

    private func addArchitecture(
        _ members: inout [String: ConfigurationValue], _ reader: inout ConfigurationReader
    ) throws(BlueprintError) {
        var architecture = family.architecture
        if let windowed = family.windowedArchitecture, let window = try reader.integer("attention.sliding_window"),
            window > 0
        {
            architecture = windowed
            members["sliding_window"] = .integer(window)
        }
        members["architectures"] = .array([.string(architecture)])
    }

    private func addRotary(
        _ members: inout [String: ConfigurationValue], _ reader: inout ConfigurationReader, headSize: Int, context: Int
    ) throws(BlueprintError) {
        let theta = try reader.positive("rope.freq_base", default: 10_000)
        var parameters: [String: ConfigurationValue] = ["rope_theta": .real(theta)]
        let turning = try reader.count("rope.dimension_count", default: headSize)
        if turning != headSize { parameters["partial_rotary_factor"] = .real(Double(turning) / Double(headSize)) }
        let older = try reader.real("rope.scale_linear")
        let factor = try reader.real("rope.scaling.factor") ?? older
        let kind = try reader.string("rope.scaling.type") ?? (factor == nil ? "none" : "linear")
        let original = try reader.integer("rope.scaling.original_context_length")
        if kind != "none", let factor, !(kind == "linear" && factor == 1) {
            parameters["rope_type"] = .string(kind)
            parameters["factor"] = .real(factor)
            // Linear scaling has no use for it.
            if kind != "linear" { parameters["original_max_position_embeddings"] = original.map { .integer($0) } }
        } else if kind != "none", kind != "linear" {
            throw .missingKey("\(family.name).rope.scaling.factor")
        }
        try addFactors(&parameters, Rotary(size: headSize, theta: theta), original: original, context: context)
        members["rope_parameters"] = .object(parameters)
    }

    private func addFactors(
        _ parameters: inout [String: ConfigurationValue], _ rotary: Rotary, original: Int?, context: Int
    ) throws(BlueprintError) {
        guard let frequencyFactors else { return }
        guard
            let scaling = rotary.scaling(dividingBy: frequencyFactors, contexts: [original, context].compactMap { $0 })
        else {
            throw .unsupportedValue(
                key: GGUFModel.frequencyFactorsName,
                expected: "\(rotary.size / 2) factors that a scaling by wavelength gives", found: "\(frequencyFactors)")
        }
        switch scaling {
        case .none:
            return
        case .linear, .byWavelength, .byTurns, .byPair:
            if let kind = parameters["rope_type"] {
                throw .inconsistent(
                    expected: "either '\(GGUFModel.frequencyFactorsName)' or 'rope.scaling.type'",
                    found: "both, \(kind)")
            }
            parameters.merge(scaling.members) { $1 }
        }
    }

    /// Keys without effect on a logit where they have these values; any other value is refused.
    private func passOver(_ reader: inout ConfigurationReader) throws(BlueprintError) {
        // The embedding's rows count: a vocabulary may be filled up.
        _ = reader.value("vocab_size")
        for key in ["rope.scaling.finetuned", "tensor_data_layout"] { _ = reader.value(key) }
        guard try reader.boolean("attention.causal", default: true) else {
            throw .unsupportedValue(key: "\(family.name).attention.causal", expected: "true", found: "false")
        }
    }
}
