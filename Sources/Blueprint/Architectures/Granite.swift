/// Granite 3: Llama with multipliers of the embedding, the scores, the branches and the logits.
///
/// Reference: transformers, `models/granite/modeling_granite.py`.
enum Granite: Architecture {
    static let names = ["GraniteForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily("granite", architecture: "GraniteForCausalLM")
        family.pairsRotaryRows = true
        family.complete = { (file, reader, members) throws(BlueprintError) in
            // In this family it says whether anything turns.
            try reader.require("rope.scaling.finetuned", .boolean(true))
            let scale = 1 / Double(file.headSize).squareRoot()
            members["attention_multiplier"] = .real(try reader.positive("attention.scale", default: scale))
            members["embedding_multiplier"] = .real(try reader.positive("embedding_scale", default: 1))
            members["residual_multiplier"] = .real(try reader.positive("residual_scale", default: 1))
            members["logits_scaling"] = .real(try reader.positive("logit_scale"))
        }
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("GraniteForCausalLM", &reader, mayOmitKeyValueHeads: true)
        try decoder.readAttentionBias(&reader)
        decoder.hasMLPBias = try reader.boolean("mlp_bias", default: false)
        decoder.embeddingFactor = Float(try reader.positive("embedding_multiplier", default: 1))
        decoder.scale = Float(try reader.positive("attention_multiplier", default: 1))
        decoder.branchFactor = Float(try reader.positive("residual_multiplier", default: 1))
        decoder.logitFactor = Float(1 / (try reader.positive("logits_scaling", default: 1)))
        return decoder.blueprint()
    }
}
