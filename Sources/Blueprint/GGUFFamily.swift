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
    /// The mixtures of experts of files that say of how many; nil where such a file can't be.
    var mixture: GGUFMixture?
    /// The checkpoint's names of the parts of a layer.
    var layerParts = [
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
        "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    ]
    /// The checkpoint's names of what belongs to no layer.
    var outerParts = ["token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"]

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
        return family
    }

    /// The checkpoint's name of a tensor; nil where it has none.
    func checkpointName(_ tensor: String) -> String? {
        let words = tensor.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard let kind = words.last, kind == "weight" || kind == "bias" else { return nil }
        if words.count == 2 { return outerParts[words[0]].map { "\($0).\(kind)" } }
        guard words.count == 4, words[0] == "blk", let layer = Int(words[1]), "\(layer)" == words[1] else { return nil }
        return layerParts[words[2]].map { "model.layers.\(layer).\($0).\(kind)" }
    }

    /// Whether the rows of this tensor lie in rotary pairs.
    func pairsRows(_ tensor: String) -> Bool {
        guard pairsRotaryRows else { return false }
        let part = layerPart(tensor)
        return part == "attn_q" || part == "attn_k"
    }

    /// Whether a checkpoint has this tensor as a matrix of one row.
    func isRow(_ tensor: String) -> Bool { layerPart(tensor) == GGUFMixture.sharedGatePart }

    private func layerPart(_ tensor: String) -> String? {
        let words = tensor.split(separator: ".")
        return words.count == 4 ? String(words[2]) : nil
    }
}
