/// Mistral 7B and its successors, also the text part of Mistral Small 3.1 and later: every layer sees a window, or none
/// does.
///
/// Reference: transformers, `models/mistral/modeling_mistral.py`.
enum Mistral: Architecture {
    static let names = ["MistralForCausalLM", "Mistral3ForConditionalGeneration"]

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        // Beside the text's keys transformers says that the head is the embedding, which of no published model it is.
        let part = TextPart(
            kinds: ["mistral"],
            pictureKeys: [
                "image_token_id", "image_token_index", "multimodal_projector_bias", "projector_hidden_act",
                "spatial_merge_size", "vision_feature_layer",
            ],
            otherParts: TextPart.visionParts, isTiedByDefault: nil)
        return try part.blueprint(&reader) { (reader) throws(BlueprintError) in
            var decoder = try DenseDecoder("MistralForCausalLM", &reader)
            let window = try reader.window()
            try reader.check(window: window)
            decoder.window = { _ in window }
            return decoder
        }
    }
}
