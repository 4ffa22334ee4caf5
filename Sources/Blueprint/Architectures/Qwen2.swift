/// Qwen 2 and 2.5: biases on query, key and value, and a window on the last layers where one is switched on.
///
/// Reference: transformers, `models/qwen2/modeling_qwen2.py`.
enum Qwen2: Architecture {
    static let names = ["Qwen2ForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily("qwen2", architecture: "Qwen2ForCausalLM")
        family.statesAttentionBias = false
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("Qwen2ForCausalLM", &reader)
        let windows = try reader.windows(layerCount: decoder.layerCount)
        decoder.hasQueryKeyValueBias = true
        decoder.window = { windows[$0] }
        return decoder.blueprint()
    }
}
