/// How GGUF files spell and store the models of a family.
struct GGUFFamily: Sendable {
    /// `general.architecture`, which is also what the family's keys begin with.
    var name: String
    /// The name for config.json's `architectures`.
    var architecture: String
    /// The same, where the file states a window that every layer has; nil where such a file can't be.
    var windowedArchitecture: String?
    /// Whether the two channels of a rotary pair are neighbouring rows of the query and key weights. If not, they are
    /// half a head apart, as in a checkpoint.
    var pairsRotaryRows = false
    /// Whether `attention_bias` says if queries, keys and values have biases. If not, the architecture says.
    var statesAttentionBias = true
    /// Whether keys and values are made of latents: only their turning channels are a head of known size then.
    var hasLatents = false
    /// The mixtures of experts of files that say of how many; nil where such a file can't be.
    var mixture: GGUFMixture?
    /// Whether key-value heads and channels of an MLP are said of each layer: 0 where a layer has none.
    var hasLayerNumbers = false
    /// What the names of layers beyond the last begin with, which predict further tokens and are left out; nil where a
    /// file can't have any.
    var furtherPath: String?
    /// The members of config.json that hold for every file.
    var members: [String: ConfigurationValue] = ["hidden_act": .string("silu")]
    /// The file's key for what norms add to the mean square, and config.json's.
    var epsilonKeys = (file: "attention.layer_norm_rms_epsilon", checkpoint: "rms_norm_eps")
    /// Adds what the family's own keys say to the members of config.json that all families have.
    var complete: Completion = { _, _, _ throws(BlueprintError) in }
    /// What is done to the numbers of these parts.
    var changes: [String: GGUFModel.ElementChange] = [:]
    /// The dimensions that a checkpoint has of these parts where a file has others.
    var dimensions: [String: Dimensions] = [GGUFMixture.sharedGatePart: .row]
    /// The order of the heads of a part, by the members of config.json; nil where it is that of a checkpoint.
    var partOrder: @Sendable (_ part: String, _ members: [String: ConfigurationValue]) -> HeadOrder? = { _, _ in nil }
    /// What the names of all layers begin with in a checkpoint.
    var layersPath = "model.layers"
    /// The checkpoint's names of the parts of a layer.
    var layerParts = [
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
        "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    ]
    /// The checkpoint's names of tensors of a layer, by theirs in the file, that are no part's weight or bias in both.
    var layerTensors: [String: String] = [:]
    /// The checkpoint's names of what belongs to no layer.
    var outerParts = ["token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"]

    /// Reads keys of a file, their prefix taken off, and changes the members of config.json.
    typealias Completion =
        @Sendable (GGUFConfiguration, inout ConfigurationReader, inout [String: ConfigurationValue])
        throws(BlueprintError) -> Void

    /// The dimensions of a tensor in a checkpoint.
    enum Dimensions: Sendable {
        /// A matrix of one row: a vector in the file.
        case row
        /// A vector: a matrix in the file.
        case vector
        /// One position of each channel in between: a matrix in the file.
        case convolution
    }

    /// The rows or the columns of which heads lie in another order than in a checkpoint.
    enum HeadOrder: Sendable {
        case rows(GGUFHeadOrder)
        case columns(GGUFHeadOrder)
    }

    /// The norms after the mixers, where a family has any.
    static let postNormParts = [
        "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
    ]

    /// A family of this name.
    init(_ name: String, architecture: String) {
        self.name = name
        self.architecture = architecture
    }

    /// The same family where a file has experts.
    func holding(_ mixture: GGUFMixture) -> GGUFFamily {
        var family = self
        family.architecture = mixture.architecture
        if windowedArchitecture != nil { family.windowedArchitecture = mixture.architecture }
        family.layerParts.merge(mixture.layerParts) { $1 }
        family.layerTensors.merge(mixture.layerTensors) { $1 }
        return family
    }

    /// The checkpoint's name of a tensor; nil where it has none.
    func checkpointName(_ tensor: String) -> String? {
        let words = tensor.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if let layer = Self.layer(tensor), let name = layerTensors[words.dropFirst(2).joined(separator: ".")] {
            return "\(layersPath).\(layer).\(name)"
        }
        guard let kind = words.last, kind == "weight" || kind == "bias" else { return nil }
        if words.count == 2 { return outerParts[words[0]].map { "\($0).\(kind)" } }
        guard words.count == 4, let layer = Self.layer(tensor) else { return nil }
        return layerParts[words[2]].map { "\(layersPath).\(layer).\($0).\(kind)" }
    }

    /// The number of the layer that a tensor belongs to.
    static func layer(_ tensor: String) -> Int? {
        let words = tensor.split(separator: ".", omittingEmptySubsequences: false)
        guard words.count > 2, words[0] == "blk", let layer = Int(words[1]), "\(layer)" == words[1] else { return nil }
        return layer
    }

    /// Whether the rows of this tensor lie in rotary pairs.
    func pairsRows(_ tensor: String) -> Bool {
        guard pairsRotaryRows else { return false }
        let part = part(tensor)
        return part == "attn_q" || part == "attn_k"
    }

    /// The shape that a checkpoint has of this tensor.
    func checkpointShape(_ tensor: String, _ shape: [Int]) -> [Int] {
        switch part(tensor).flatMap({ dimensions[$0] }) {
        case .row where shape.count == 1: [1] + shape
        case .vector: [shape.reduce(1, *)]
        case .convolution where shape.count == 2: [shape[0], 1, shape[1]]
        case nil, .row, .convolution: shape
        }
    }

    /// The order of this tensor's heads.
    func headOrder(_ tensor: String, _ members: [String: ConfigurationValue]) -> HeadOrder? {
        part(tensor).flatMap { partOrder($0, members) }
    }

    /// What is done to the numbers of this tensor.
    func change(_ tensor: String) -> GGUFModel.ElementChange { part(tensor).flatMap { changes[$0] } ?? .none }

    /// The part of a layer, or of what belongs to none, that this tensor is.
    private func part(_ tensor: String) -> String? {
        let words = tensor.split(separator: ".")
        return switch words.count {
        case 2: String(words[0])
        case 3, 4: String(words[2])
        default: nil
        }
    }
}
