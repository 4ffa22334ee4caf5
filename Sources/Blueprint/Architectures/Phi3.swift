import Foundation

/// Phi 3, 3.5 and 4: queries, keys and values in one tensor, gate and up in another, and long contexts that turn by
/// other frequencies.
///
/// Reference: transformers, `models/phi3/modeling_phi3.py`.
enum Phi3: Architecture {
    static let names = ["Phi3ForCausalLM"]

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var spelling = DenseDecoder.Spelling()
        spelling.partialRotary = 1
        var decoder = try DenseDecoder("Phi3ForCausalLM", &reader, mayOmitKeyValueHeads: true, spelling: spelling)
        decoder.isFused = true
        let window = try reader.integer("sliding_window")
        try reader.check(window: window)
        decoder.window = { _ in window }
        let original = try reader.count("original_max_position_embeddings", default: 4096)
        if decoder.rotary.longFrom != nil {
            let factor = Double(decoder.maximumContext) / Double(original)
            if factor > 1 {
                decoder.rotary.attentionFactor = Float((1 + log(factor) / log(Double(original))).squareRoot())
            }
        }
        return decoder.blueprint()
    }
}
