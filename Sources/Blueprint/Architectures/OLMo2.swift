/// OLMo 2: norms after the mixers only, and norms of queries and keys over all heads.
///
/// Reference: transformers, `models/olmo2/modeling_olmo2.py`.
enum OLMo2: Architecture {
    static let names = ["Olmo2ForCausalLM"]

    static var gguf: GGUFFamily? {
        var family = GGUFFamily("olmo2", architecture: "Olmo2ForCausalLM")
        family.layerParts.merge(GGUFFamily.postNormParts) { $1 }
        // The next generation has the same name and windows.
        family.complete = { (_, reader, _) throws(BlueprintError) in
            try reader.require("attention.sliding_window", .integer(0))
        }
        return family
    }

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        var decoder = try DenseDecoder("Olmo2ForCausalLM", &reader, mayOmitKeyValueHeads: true)
        try decoder.readAttentionBias(&reader)
        decoder.hasNorms = false
        decoder.hasPostNorms = true
        decoder.hasHeadNorms = true
        decoder.normsSpanHeads = true
        return decoder.blueprint()
    }
}
