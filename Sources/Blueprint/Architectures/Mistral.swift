/// Mistral 7B and its successors: every layer sees a window, or none does.
///
/// Reference: transformers, `models/mistral/modeling_mistral.py`.
enum Mistral: Architecture {
    static let names = ["MistralForCausalLM"]

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("MistralForCausalLM", &reader)
        // The reference takes a window of 4096 where the key is absent, and none where it is null.
        let stated = try reader.integer("sliding_window")
        let window = reader.has("sliding_window") ? stated : 4096
        if let window, window < 1 {
            throw .unsupportedValue(key: "sliding_window", expected: "null or a number above zero", found: "\(window)")
        }
        decoder.window = { _ in window }
        return decoder.blueprint()
    }
}
