/// The plan of construction that most families share: embedding, then per layer attention and a gated MLP, each behind
/// a norm, then a norm and a head. A family's file fills it in and changes what differs.
struct DenseDecoder {
    var architecture: String
    var width: Int
    var vocabulary: Int
    var layerCount: Int
    var heads: Int
    var keyValueHeads: Int
    var headSize: Int
    var mlpWidth: Int
    var epsilon: Float
    var maximumContext: Int
    var rotary: Rotary
    var isTied: Bool
    var statedEncoding: Scalar?
    var endTokens: [Int]
    var hasQueryKeyValueBias = false
    var hasOutputBias = false
    var hasMLPBias = false
    var hasHeadNorms = false
    /// Whether norms are layer norms, with biases.
    var hasNormBias = false
    /// What is added to the weights of norms.
    var normAddend: Float = 0
    /// Whether the mixers' inputs are normed.
    var hasNorms = true
    /// Whether the mixers' outputs are normed too, and the norm before the MLP has a name of its own.
    var hasPostNorms = false
    /// Whether the norms of query and key heads are over all heads together.
    var normsSpanHeads = false
    /// Whether each head has a score without a value.
    var hasSinks = false
    /// Whether what heads have read is multiplied by a gate, whose rows follow those of each query head.
    var hasOutputGate = false
    /// Whether a checkpoint has queries, keys and values in one tensor, and the MLP's gate and up in another.
    var isFused = false
    /// What names of tensors begin with.
    var root = "model"
    /// What makes the first mixer of a layer, by its number and path; nil for an attention.
    var mixer: (Int, String, DenseDecoder) -> Mixer? = { _, _, _ in nil }
    /// What the names of an attention's tensors begin with, below the layer.
    var attentionName = "self_attn"
    /// Beginnings of names of other tensors that have no effect.
    var ignoredPrefixes: [String] = []
    /// What paths of tensors begin with in some checkpoints, and here instead.
    var otherPrefixes: [String: String] = [:]
    var activation: Activation
    /// The projections of the MLP by their names; without a gate the function is that of what is raised.
    var mlpNames: (gate: String?, up: String, down: String) = ("gate_proj", "up_proj", "down_proj")
    /// What scores are multiplied by; nil for one over the root of the head size.
    var scale: Float?
    var scoreCap: Float?
    var embeddingFactor: Float = 1
    var branchFactor: Float = 1
    var logitFactor: Float = 1
    var logitCap: Float?
    /// The experts of a layer by its number; nil where it has one MLP. ``use(_:in:)`` sets it.
    private(set) var experts: (Int) -> ExpertForm? = { _ in nil }
    /// Layers beyond the last whose tensors a checkpoint has, for predicting several tokens: they are left out.
    var furtherLayers = 0
    /// The window of a layer by its number; nil for all positions.
    var window: (Int) -> Int? = { _ in nil }
    /// The rotation of a layer by its number, where it is not that of all.
    var rotaryOfLayer: (Int) -> Rotary? = { _ in nil }

    /// How a family spells what others spell in another way.
    struct Spelling {
        var activation = "hidden_act"
        var epsilon = "rms_norm_eps"
        /// The activations that the family has, by their names in config.json.
        var activations: [String: Activation] = ["silu": .silu]
        /// Whether rotary keys are read.
        var readsRotary = true
        /// Layers, where config.json says it by other keys.
        var layerCount: Int?
        /// Whether config.json says how wide the MLP of a layer is.
        var hasMLP = true
        /// Channels of a key and of its turning part, where config.json says them by other keys.
        var headSize: Int?
        /// The channels that turn, likewise.
        var rotarySize: Int?
        /// The part of each head that turns where config.json says nothing; nil where all of it must.
        var partialRotary: Double?
    }

    /// A thousand times those of the largest published model: byte counts cannot overflow.
    private static let largestChannelCount = 1 << 30
    /// What the attention of every rank has room for.
    private static let largestHeadSize = 1024

    /// Reads the keys that all dense families spell alike.
    init(
        _ architecture: String, _ reader: inout ConfigurationReader, mayOmitKeyValueHeads: Bool = false,
        defaultHeadSize: Int? = nil, isTiedByDefault: Bool = false, spelling: Spelling = Spelling()
    ) throws(BlueprintError) {
        self.architecture = architecture
        width = try reader.count("hidden_size")
        vocabulary = try reader.count("vocab_size")
        if let count = spelling.layerCount {
            layerCount = count
        } else {
            layerCount = try reader.count("num_hidden_layers")
        }
        heads = try reader.count("num_attention_heads")
        keyValueHeads = try reader.count("num_key_value_heads", default: mayOmitKeyValueHeads ? heads : nil)
        guard heads % keyValueHeads == 0 else {
            throw .inconsistent(
                expected: "'num_attention_heads' to be a multiple of 'num_key_value_heads', \(keyValueHeads)",
                found: "\(heads)")
        }
        if let size = spelling.headSize {
            headSize = size
        } else if reader.value("head_dim") != nil {
            headSize = try reader.count("head_dim")
        } else if let defaultHeadSize {
            headSize = defaultHeadSize
        } else {
            guard width % heads == 0 else {
                throw .inconsistent(
                    expected: "a 'head_dim' or 'hidden_size' to be a multiple of 'num_attention_heads', \(heads)",
                    found: "no 'head_dim' and \(width)")
            }
            headSize = width / heads
        }
        guard headSize.isMultiple(of: 2), headSize <= Self.largestHeadSize else {
            throw reader.unsupported(
                "head_dim", expected: "an even number from 2 to \(Self.largestHeadSize)", found: "\(headSize)")
        }
        mlpWidth = try spelling.hasMLP ? reader.count("intermediate_size") : 1
        guard max(heads * headSize, mlpWidth) <= Self.largestChannelCount / layerCount else {
            throw .inconsistent(
                expected: "all layers together to have at most \(Self.largestChannelCount) channels, as any model does",
                found: "\(layerCount) layers of \(heads) heads of \(headSize) channels and an MLP of \(mlpWidth)")
        }
        epsilon = Float(try reader.positive(spelling.epsilon, default: 1e-6))
        maximumContext = try reader.count("max_position_embeddings")
        isTied = try reader.boolean("tie_word_embeddings", default: isTiedByDefault)
        statedEncoding = try reader.encoding()
        endTokens = try reader.tokens("eos_token_id")
        rotary =
            try spelling.readsRotary && spelling.rotarySize != 0
            ? reader.rotary(size: spelling.rotarySize ?? headSize, partial: spelling.partialRotary)
            : Rotary(size: spelling.rotarySize ?? headSize, theta: 10_000)
        let names = spelling.activations.keys.sorted()
        let name = try reader.string(spelling.activation) ?? names[0]
        guard let activation = spelling.activations[name] else {
            throw reader.unsupported(
                spelling.activation, expected: names.map { "\"\($0)\"" }.joined(separator: " or "),
                found: "\"\(name)\"")
        }
        self.activation = activation
    }

    /// The blueprint.
    func blueprint() -> Blueprint {
        let vocabularyAxis = Axis(.vocabulary, layer: nil, count: vocabulary)
        let rows = Weight.Distribution.rows(vocabularyAxis, perUnit: 1)
        return Blueprint(
            architecture: architecture, width: width, vocabulary: vocabulary, maximumContext: maximumContext,
            embedding: Weight("\(root).embed_tokens.weight", [vocabulary, width], rows),
            embeddingFactor: embeddingFactor, layers: (0..<layerCount).map(layer),
            finalNorm: norm("\(root).norm", width),
            untiedHead: isTied ? nil : Weight("lm_head.weight", [vocabulary, width], rows),
            logitFactor: logitFactor, logitCap: logitCap, statedEncoding: statedEncoding, endTokens: endTokens,
            ignoredSuffixes: [".rotary_emb.inv_freq"] + (isTied ? ["lm_head.weight"] : []),
            ignoredPrefixes: ignoredPrefixes + (0..<furtherLayers).map { "\(root).layers.\(layerCount + $0)." },
            otherPrefixes: otherPrefixes)
    }

    /// Refuses more channels in a layer than any model has in all: byte counts could overflow.
    func check(channels: Int, times size: Int = 1, _ what: String) throws(BlueprintError) {
        guard channels <= Self.largestChannelCount / layerCount / size else {
            throw .inconsistent(
                expected: "all layers together to have at most \(Self.largestChannelCount) channels, as any model does",
                found: "\(layerCount) layers of \(channels) \(what)" + (size > 1 ? " of \(size) channels" : ""))
        }
    }

    /// Reads whether all projections of an attention have biases.
    mutating func readAttentionBias(
        _ reader: inout ConfigurationReader, default fallback: Bool = false
    ) throws(BlueprintError) {
        hasQueryKeyValueBias = try reader.boolean("attention_bias", default: fallback)
        hasOutputBias = hasQueryKeyValueBias
    }

    /// Makes mixtures of experts of some layers' MLPs.
    ///
    /// - Throws: ``BlueprintError`` where they have more channels than any model.
    mutating func use(_ form: ExpertForm, in layers: @escaping (Int) -> Bool) throws(BlueprintError) {
        try check(channels: form.count, times: form.width, "experts")
        if let shared = form.shared { try check(channels: shared.width, "channels of a shared expert") }
        experts = { layers($0) ? form : nil }
    }

    private func layer(_ number: Int) -> Layer {
        let path = "\(root).layers.\(number)"
        let beforeMLP = hasPostNorms ? "pre_feedforward_layernorm" : "post_attention_layernorm"
        func postNorm(_ name: String) -> Norm? { hasPostNorms ? norm("\(path).\(name)", width) : nil }
        return Layer(branches: [
            Branch(
                norm: hasNorms ? norm("\(path).input_layernorm", width) : nil,
                mixer: mixer(number, path, self) ?? .attention(attention(number, path)),
                postNorm: postNorm("post_attention_layernorm"), factor: branchFactor),
            Branch(
                norm: hasNorms ? norm("\(path).\(beforeMLP)", width) : nil, mixer: feedForward(number, path),
                postNorm: postNorm("post_feedforward_layernorm"), factor: branchFactor),
        ])
    }

    /// The attention of a layer.
    func attention(_ number: Int, _ path: String) -> Attention {
        let path = "\(path).\(attentionName)"
        let queries = Axis(.queryHeads, layer: number, count: heads)
        let keyValues = Axis(.keyValueHeads, layer: number, count: keyValueHeads)
        let (queryRows, keyRows) = (heads * headSize, keyValueHeads * headSize)
        func input(_ name: String, _ axis: Axis, firstRow: Int, _ sources: [Weight.Source] = []) -> Projection {
            let fused = Weight.Source(
                "\(path).qkv_proj.weight", [queryRows + 2 * keyRows, width],
                runs: [Weight.Source.Run(firstRow, axis.count * headSize)])
            return first(
                "\(path).\(name)", axis, perUnit: headSize, hasBias: hasQueryKeyValueBias,
                sources: isFused ? [fused] : sources)
        }
        func gated(first: Int) -> [Weight.Source] {
            let runs = [Weight.Source.Run(first, headSize)]
            return [
                Weight.Source(
                    "\(path).q_proj.weight", [2 * queryRows, width], runs: runs, groupCount: heads)
            ]
        }
        func headNorm(_ name: String, _ axis: Axis) -> Norm? {
            guard hasHeadNorms else { return nil }
            guard normsSpanHeads else { return norm("\(path).\(name)", headSize) }
            let rows = Weight.Distribution.rows(axis, perUnit: headSize)
            return Norm(
                weight: Weight("\(path).\(name).weight", [axis.count * headSize], rows), epsilon: epsilon)
        }
        var attention = Attention(
            query: input("q_proj", queries, firstRow: 0, hasOutputGate ? gated(first: 0) : []),
            key: input("k_proj", keyValues, firstRow: queryRows),
            value: input("v_proj", keyValues, firstRow: queryRows + keyRows),
            output: last("\(path).o_proj", queries, perUnit: headSize, hasBias: hasOutputBias),
            heads: heads, keyValueHeads: keyValueHeads, headSize: headSize,
            queryNorm: headNorm("q_norm", queries), keyNorm: headNorm("k_norm", keyValues),
            rotary: rotaryOfLayer(number) ?? rotary, scale: scale ?? 1 / Float(headSize).squareRoot(),
            scoreCap: scoreCap, window: window(number),
            queryAxis: queries, keyValueAxis: keyValues)
        attention.normsSpanHeads = normsSpanHeads
        attention.sinks =
            hasSinks ? Weight("\(path).sinks", [heads], .rows(queries, perUnit: 1)) : nil
        attention.outputGate =
            hasOutputGate ? input("gate_proj", queries, firstRow: 0, gated(first: headSize)) : nil
        return attention
    }

    private func feedForward(_ number: Int, _ path: String) -> Mixer {
        guard let form = experts(number) else { return .mlp(mlp("\(path).mlp", layer: number, width: mlpWidth)) }
        return .experts(mixture(form, "\(path).\(form.path)", layer: number))
    }

    /// An MLP whose projections are under `path`.
    func mlp(_ path: String, layer: Int, width: Int) -> MLP {
        let axis = Axis(.mlpWidth, layer: layer, count: width)
        func input(_ name: String, firstRow: Int) -> Projection {
            let fused = Weight.Source(
                "\(path).gate_up_proj.weight", [2 * width, self.width], runs: [Weight.Source.Run(firstRow, width)])
            return first(
                "\(path).\(name)", axis, perUnit: 1, hasBias: hasMLPBias, sources: isFused ? [fused] : [])
        }
        return MLP(
            gate: mlpNames.gate.map { input($0, firstRow: 0) }, up: input(mlpNames.up, firstRow: width),
            down: last("\(path).\(mlpNames.down)", axis, perUnit: 1, hasBias: hasMLPBias),
            activation: activation, axis: axis)
    }

    func norm(_ name: String, _ count: Int) -> Norm {
        Norm(
            weight: Weight("\(name).weight", [count]), bias: hasNormBias ? Weight("\(name).bias", [count]) : nil,
            epsilon: epsilon, addend: normAddend)
    }

    func first(
        _ name: String, _ axis: Axis, perUnit: Int, hasBias: Bool, sources: [Weight.Source] = []
    ) -> Projection {
        let outputs = axis.count * perUnit
        let rows = Weight.Distribution.rows(axis, perUnit: perUnit)
        return Projection(
            weight: Weight("\(name).weight", [outputs, width], rows, sources: sources),
            bias: hasBias ? Weight("\(name).bias", [outputs], rows) : nil)
    }

    // The bias of a last projection is added once, after the sum: every rank holds it.
    func last(_ name: String, _ axis: Axis, perUnit: Int, hasBias: Bool) -> Projection {
        Projection(
            weight: Weight("\(name).weight", [width, axis.count * perUnit], .columns(axis, perUnit: perUnit)),
            bias: hasBias ? Weight("\(name).bias", [width]) : nil)
    }
}
