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
    /// Layers beyond these that a file has and counts among all, which predict several tokens and are left out.
    private(set) var furtherLayerCount = 0
    private(set) var context = 1
    /// Channels of the MLPs: of the widest; nil where the file doesn't say and need not.
    private var mlpWidth: Int?

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
        var members: [String: ConfigurationValue] = [
            "vocab_size": .integer(vocabulary), "hidden_size": .integer(width), "num_attention_heads": .integer(heads),
            "num_key_value_heads": .integer(keyValueHeads), "head_dim": .integer(headSize),
            "num_hidden_layers": .integer(layerCount), "max_position_embeddings": .integer(context),
            family.epsilonKeys.checkpoint: .real(try reader.positive(family.epsilonKeys.file)),
            "tie_word_embeddings": .boolean(shapes["output.weight"] == nil),
        ]
        // Layers among all others; what is beside them, a checkpoint counts by another key or none.
        if family.furtherPath == family.layersPath {
            members["num_nextn_predict_layers"] = .integer(furtherLayerCount)
        }
        if let mlpWidth { members["intermediate_size"] = .integer(mlpWidth) }
        members.merge(family.members) { $1 }
        if !endTokens.isEmpty { members["eos_token_id"] = .array(endTokens.map(ConfigurationValue.integer)) }
        if family.statesAttentionBias, has("attn_q.bias") { members["attention_bias"] = .boolean(true) }
        if has("ffn_gate.bias") { members["mlp_bias"] = .boolean(true) }
        try addExperts(&members, &reader)
        try addArchitecture(&members, &reader)
        members["rope_parameters"] = .object(try rotary(&reader))
        try family.complete(self, &reader, &members)
        try passOver(&reader)
        return members
    }

    /// Whether the first layer has this tensor.
    func has(_ part: String) -> Bool { shapes["blk.0.\(part)"] != nil }

    /// Whether any layer has it.
    func hasSomewhere(_ part: String) -> Bool { (0..<layerCount).contains { shapes["blk.\($0).\(part)"] != nil } }

    /// The layers that predict further tokens and are left out.
    var furtherLayers: Range<Int> { layerCount..<layerCount + furtherLayerCount }

    /// The name that a checkpoint has of a tensor; nil where it has none.
    func checkpointName(_ tensor: String) -> String? {
        guard let path = family.furtherPath, let layer = GGUFFamily.layer(tensor), furtherLayers.contains(layer) else {
            return family.checkpointName(tensor)
        }
        return "\(path).\(tensor.drop { $0 != "." }.dropFirst())"
    }

    /// Refuses layers to leave out that are like all others.
    func checkFurtherLayers() throws(BlueprintError) {
        for layer in furtherLayers {
            let names = shapes.keys.filter { GGUFFamily.layer($0) == layer }
            guard names.isEmpty || names.contains(where: { $0.contains(".nextn.") }) else {
                throw .inconsistent(
                    expected: "layer \(layer) to have tensors 'blk.\(layer).nextn...', as "
                        + "'\(family.name).nextn_predict_layers' says, \(furtherLayerCount)",
                    found: names.sorted().prefix(3).joined(separator: ", "))
            }
        }
    }

    private mutating func readSizes(_ reader: inout ConfigurationReader) throws(BlueprintError) {
        width = try reader.count("embedding_length")
        heads = try reader.count("attention.head_count")
        try readLayerCount(&reader)
        keyValueHeads = try largest("attention.head_count_kv", &reader, default: heads)
        context = try reader.count("context_length")
        let needsWidth = family.mixture?.isRequired != true || reader.has("feed_forward_length")
        mlpWidth = try needsWidth ? largest("feed_forward_length", &reader) : nil
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

    private mutating func readLayerCount(_ reader: inout ConfigurationReader) throws(BlueprintError) {
        // No model has more than a small number may be.
        let count = try reader.count("block_count", most: ConfigurationReader.largestNumber)
        furtherLayerCount = try family.furtherPath == nil ? 0 : reader.number("nextn_predict_layers", default: 0)
        guard furtherLayerCount < count else {
            throw .inconsistent(
                expected: "'\(family.name).nextn_predict_layers' to be less than 'block_count', \(count)",
                found: "\(furtherLayerCount)")
        }
        layerCount = count - furtherLayerCount
    }

    private func largest(
        _ key: String, _ reader: inout ConfigurationReader, default missing: Int? = nil
    ) throws(BlueprintError) -> Int {
        guard family.hasLayerNumbers, reader.has(key) else { return try reader.count(key, default: missing) }
        return max(1, try layerNumbers(key, &reader).max() ?? 1)
    }

    /// A number of each layer, or one of all.
    func layerNumbers(_ key: String, _ reader: inout ConfigurationReader) throws(BlueprintError) -> [Int] {
        if let number = reader.stated(key) {
            _ = try reader.count(key)
            return Array(repeating: number, count: layerCount)
        }
        let numbers = try reader.integers(key) ?? []
        // Layers that are left out may have numbers too.
        guard numbers.count >= layerCount, numbers.allSatisfy({ (0...Self.largestNumber).contains($0) }) else {
            throw .unsupportedValue(
                key: "\(family.name).\(key)",
                expected: "numbers from 0 to \(Self.largestNumber) for each of \(layerCount) layers",
                found: "\(numbers)")
        }
        return Array(numbers.prefix(layerCount))
    }

    /// As large as any dimension may be.
    private static let largestNumber = 1 << 24

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
        _ members: inout [String: ConfigurationValue], _ reader: inout ConfigurationReader
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
        // Positions of pictures and films; of text all are the same.
        for key in ["rope.scaling.finetuned", "rope.dimension_sections", "tensor_data_layout"] { _ = reader.value(key) }
        guard try reader.boolean("attention.causal", default: true) else {
            throw .unsupportedValue(key: "\(family.name).attention.causal", expected: "true", found: "false")
        }
    }
}
