/// Llama 2 and 3, and the models published in its form.
///
/// Reference: transformers, `models/llama/modeling_llama.py`.
enum Llama: Architecture {
    static let names = ["LlamaForCausalLM"]

    // Mistral's models are published under this name too, those with experts among them.
    static var gguf: GGUFFamily? {
        var family = GGUFFamily("llama", architecture: "LlamaForCausalLM")
        family.windowedArchitecture = "MistralForCausalLM"
        family.mixture = Mixtral.ggufMixture
        family.pairsRotaryRows = true
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        // Files of early models have what the reference takes by default, and a key beside it that it does not read.
        reader.fill(with: ["max_position_embeddings": .integer(2048)])
        _ = try reader.integer("max_sequence_length")
        var decoder = try DenseDecoder("LlamaForCausalLM", &reader, mayOmitKeyValueHeads: true)
        try decoder.readAttentionBias(&reader)
        decoder.hasMLPBias = try reader.boolean("mlp_bias", default: false)
        // SmolLM 2 says so of itself; the reference does not read it.
        try reader.require("is_llama_config", .boolean(true))
        return decoder.blueprint()
    }
}
