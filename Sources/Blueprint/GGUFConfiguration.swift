/// The members of a config.json that says what a GGUF file's metadata says.
struct GGUFConfiguration {
    /// With the names of experts where the file has any.
    private(set) var family: GGUFFamily
    let shapes: [String: [Int]]
    let vectors: [String: [Float]]
    let endTokens: [Int]
    private(set) var heads = 1
    private(set) var keyValueHeads = 1
    private(set) var width = 1
    private(set) var headSize = 1
    private(set) var layerCount = 1
    private(set) var context = 1

    init(family: GGUFFamily, shapes: [String: [Int]], vectors: [String: [Float]], endTokens: [Int]) {
        self.family = family
        self.shapes = shapes
        self.vectors = vectors
        self.endTokens = endTokens
    }

    /// Reads the family's keys, their prefix taken off.
    mutating func members(_ reader: inout ConfigurationReader) throws(BlueprintError) -> [String: ConfigurationValue] {
        guard let vocabulary = shapes["token_embd.weight"]?.first else {
            throw .inconsistent(expected: "a tensor 'token_embd.weight'", found: "none")
        }
        try readSizes(&reader)
        let mlpWidth = try reader.count("feed_forward_length")
        var members: [String: ConfigurationValue] = [
            "vocab_size": .integer(vocabulary), "hidden_size": .integer(width), "num_attention_heads": .integer(heads),
            "num_key_value_heads": .integer(keyValueHeads), "head_dim": .integer(headSize),
            "num_hidden_layers": .integer(layerCount), "intermediate_size": .integer(mlpWidth),
            "max_position_embeddings": .integer(context),
            family.epsilonKeys.checkpoint: .real(try reader.positive(family.epsilonKeys.file)),
            "tie_word_embeddings": .boolean(shapes["output.weight"] == nil),
        ]
        members.merge(family.members) { $1 }
        if !endTokens.isEmpty { members["eos_token_id"] = .array(endTokens.map(ConfigurationValue.integer)) }
        if family.statesAttentionBias, has("attn_q.bias") { members["attention_bias"] = .boolean(true) }
        if has("ffn_gate.bias") { members["mlp_bias"] = .boolean(true) }
        try addExperts(&members, &reader, mlpWidth: mlpWidth)
        try addArchitecture(&members, &reader)
        members["rope_parameters"] = .object(try rotary(&reader))
        try family.complete(self, &reader, &members)
        try passOver(&reader)
        return members
    }

    /// Whether the first layer has this tensor.
    func has(_ part: String) -> Bool { shapes["blk.0.\(part)"] != nil }

    private mutating func readSizes(_ reader: inout ConfigurationReader) throws(BlueprintError) {
        width = try reader.count("embedding_length")
        heads = try reader.count("attention.head_count")
        keyValueHeads = try reader.count("attention.head_count_kv", default: heads)
        layerCount = try reader.count("block_count")
        context = try reader.count("context_length")
        guard !family.hasLatents else {
            headSize = try reader.count("rope.dimension_count")
            return
        }
        headSize = try reader.count("attention.key_length", default: max(1, width / heads))
        let valueSize = try reader.count("attention.value_length", default: headSize)
        guard valueSize == headSize else {
            throw .inconsistent(
                expected: "'attention.value_length' to be 'attention.key_length', \(headSize)", found: "\(valueSize)")
        }
    }

    /// Leaves out the layers at the end that predict several tokens, which the file counts among all.
    func leaveOutFurtherLayers(
        _ reader: inout ConfigurationReader, _ members: inout [String: ConfigurationValue]
    ) throws(BlueprintError) {
        let further = try reader.number("nextn_predict_layers", default: 0)
        guard further < layerCount else {
            throw .inconsistent(
                expected: "'\(family.name).nextn_predict_layers' to be less than the \(layerCount) layers of all",
                found: "\(further)")
        }
        members["num_hidden_layers"] = .integer(layerCount - further)
        members["num_nextn_predict_layers"] = .integer(further)
    }

    /// `layer_types` of layers of which, unless the file says it, all but the last of each period see a window only.
    func layerTypes(_ reader: inout ConfigurationReader, period: Int) throws(BlueprintError) -> ConfigurationValue {
        let key = "attention.sliding_window_pattern"
        let isWindowed: [Bool]
        if reader.stated(key) != nil || !reader.has(key) {
            let period = try reader.count(key, default: period)
            isWindowed = (0..<layerCount).map { $0 % period < period - 1 }
        } else {
            isWindowed = try reader.booleans(key) ?? []
        }
        guard isWindowed.count == layerCount else {
            throw .inconsistent(
                expected: "'\(family.name).\(key)' to have \(layerCount) elements, one per layer",
                found: "\(isWindowed.count)")
        }
        return .array(isWindowed.map { .string($0 ? "sliding_attention" : "full_attention") })
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
