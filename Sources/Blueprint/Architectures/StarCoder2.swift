/// StarCoder 2: layer norms, biases everywhere, and an MLP without a gate.
///
/// Reference: transformers, `models/starcoder2/modeling_starcoder2.py`.
enum StarCoder2: Architecture {
    static let names = ["Starcoder2ForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily("starcoder2", architecture: "Starcoder2ForCausalLM")
        family.members = ["hidden_act": .string("gelu_pytorch_tanh")]
        family.epsilonKeys = ("attention.layer_norm_epsilon", "norm_epsilon")
        family.statesAttentionBias = false
        family.layerParts["ffn_up"] = "mlp.c_fc"
        family.layerParts["ffn_down"] = "mlp.c_proj"
        family.complete = { (file, reader, members) throws(BlueprintError) in
            members["use_bias"] = .boolean(file.has("attn_q.bias"))
            let window = try reader.integer("attention.sliding_window") ?? 0
            if window != 0 { members["sliding_window"] = .integer(window) }
        }
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var spelling = DenseDecoder.Spelling()
        spelling.epsilon = "norm_epsilon"
        spelling.activations = ["gelu_pytorch_tanh": .gelu]
        var decoder = try DenseDecoder("Starcoder2ForCausalLM", &reader, isTiedByDefault: true, spelling: spelling)
        let hasBias = try reader.boolean("use_bias", default: true)
        decoder.hasQueryKeyValueBias = hasBias
        decoder.hasOutputBias = hasBias
        decoder.hasMLPBias = hasBias
        decoder.hasNormBias = true
        decoder.mlpNames = (nil, "c_fc", "c_proj")
        // What other programs read; the reference does not.
        try reader.require("mlp_type", .string("default"))
        try reader.require("norm_type", .string("layer_norm"))
        try reader.require("scale_attn_weights", .boolean(true))
        for key in [
            "activation_function", "attention_softmax_in_fp32", "layer_norm_epsilon", "rms_norm_eps",
            "scale_attention_softmax_in_fp32",
        ] {
            _ = reader.value(key)
        }
        // Unlike in other families, no window is meant where the key is absent.
        let window = try reader.integer("sliding_window")
        try reader.check(window: window)
        decoder.window = { _ in window }
        return decoder.blueprint()
    }
}
