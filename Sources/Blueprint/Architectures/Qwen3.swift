/// Qwen 3, dense: a norm over each query and key head before rotation.
///
/// Reference: transformers, `models/qwen3/modeling_qwen3.py`.
enum Qwen3: Architecture {
    static let names = ["Qwen3ForCausalLM"]

    static var gguf: GGUFFamily? { GGUFFamily("qwen3", architecture: "Qwen3ForCausalLM") }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        // The reference's default is 128, whatever the width.
        var decoder = try DenseDecoder("Qwen3ForCausalLM", &reader, defaultHeadSize: 128)
        let windows = try reader.windows(layerCount: decoder.layerCount)
        try decoder.readAttentionBias(&reader)
        decoder.hasHeadNorms = true
        decoder.window = { windows[$0] }
        return decoder.blueprint()
    }
}
