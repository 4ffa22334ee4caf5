/// StarCoder 2: layer norms, biases everywhere, and an MLP without a gate.
///
/// Reference: transformers, `models/starcoder2/modeling_starcoder2.py`.
enum StarCoder2: Architecture {
    static let names = ["Starcoder2ForCausalLM"]

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
        // Unlike in other families, no window is meant where the key is absent.
        let window = try reader.integer("sliding_window")
        try reader.check(window: window)
        decoder.window = { _ in window }
        return decoder.blueprint()
    }
}
