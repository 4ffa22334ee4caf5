/// OLMo 2: norms after the mixers only, and norms of queries and keys over all heads.
///
/// Reference: transformers, `models/olmo2/modeling_olmo2.py`.
enum OLMo2: Architecture {
    static let names = ["Olmo2ForCausalLM"]

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
