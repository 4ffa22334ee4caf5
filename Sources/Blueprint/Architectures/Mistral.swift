/// Mistral 7B and its successors: every layer sees a window, or none does.
///
/// Reference: transformers, `models/mistral/modeling_mistral.py`.
enum Mistral: Architecture {
    static let names = ["MistralForCausalLM"]

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("MistralForCausalLM", &reader)
        let window = try reader.window()
        try reader.check(window: window)
        decoder.window = { _ in window }
        return decoder.blueprint()
    }
}
