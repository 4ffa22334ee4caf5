import Foundation

/// DeepSeek V3 and R1: latent attention, and sigmoids that choose the experts in groups, after some dense layers.
///
/// Reference: transformers, `models/deepseek_v3/modeling_deepseek_v3.py`.
enum DeepSeekV3: Architecture {
    static let names = ["DeepseekV3ForCausalLM"]

    /// The published value of the norms inside the attention, whatever config.json says of the others.
    private static let innerEpsilon: Float = 1e-6

    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint {
        let turning = try reader.count("qk_rope_head_dim")
        let content = try reader.count("qk_nope_head_dim")
        let size = try reader.count("kv_lora_rank")
        let valueSize = try reader.count("v_head_dim")
        let reduced = try reader.value("q_lora_rank") == nil ? nil : reader.count("q_lora_rank")
        var spelling = DenseDecoder.Spelling()
        spelling.headSize = size + turning
        spelling.rotarySize = turning
        var decoder = try DenseDecoder("DeepseekV3ForCausalLM", &reader, mayOmitKeyValueHeads: true, spelling: spelling)
        for key in [
            "head_dim", "qk_head_dim", "ep_size", "moe_layer_freq", "topk_method", "scoring_func", "seq_aux",
            "aux_loss_alpha",
        ] { _ = reader.value(key) }
        guard try !reader.boolean("attention_bias", default: false) else {
            throw .unsupportedValue(key: "attention_bias", expected: "false", found: "true")
        }
        let isInterleaved = try reader.boolean("rope_interleave", default: true)
        let form = try ExpertForm(sigmoid: &reader)
        let dense = try reader.number("first_k_dense_replace", default: 3)
        try decoder.use(form, in: { $0 >= dense })
        decoder.furtherLayers = try reader.number("num_nextn_predict_layers", default: 0)
        try decoder.check(channels: decoder.heads, times: content + max(turning, valueSize), "heads")
        decoder.scale = try scale(&reader, headSize: content + turning)
        let shape = LatentForm(
            turning: turning, content: content, size: size, valueSize: valueSize, reduced: reduced,
            isInterleaved: isInterleaved, epsilon: innerEpsilon)
        decoder.mixer = { number, path, decoder in
            .attention(decoder.attention(shape, number, "\(path).self_attn"))
        }
        return decoder.blueprint()
    }

    /// One over the root of the head size, times what stretched frequencies ask for, twice.
    private static func scale(
        _ reader: inout ConfigurationReader, headSize: Int
    ) throws(BlueprintError) -> Float {
        let plain = 1 / Double(headSize).squareRoot()
        let older = try reader.object("rope_scaling")
        guard var rotary = try reader.object("rope_parameters") ?? older,
            let ofAll = try rotary.real("mscale_all_dim"), ofAll != 0, let factor = try rotary.real("factor"),
            factor > 1
        else { return Float(plain) }
        let magnitude = 0.1 * ofAll * log(factor) + 1
        return Float(plain * magnitude * magnitude)
    }
}

/// The dimensions of a latent attention.
struct LatentForm {
    var turning: Int
    var content: Int
    var size: Int
    var valueSize: Int
    var reduced: Int?
    /// Whether the two channels of a rotary pair are neighbours in a checkpoint.
    var isInterleaved: Bool
    var epsilon: Float
}

extension DenseDecoder {
    /// The latent attention of a layer.
    func attention(_ form: LatentForm, _ number: Int, _ path: String) -> Attention {
        let queries = Axis(.queryHeads, layer: number, count: heads)
        let latents = Axis(.keyValueHeads, layer: number, count: 1)
        let querySize = form.content + form.turning
        // Pairs are half of the turning channels apart here.
        func runs(after first: Int) -> [Weight.Source.Run] {
            let pairs = form.turning / 2
            let turning: [Weight.Source.Run] =
                form.isInterleaved
                ? [.init(first, pairs, step: 2), .init(first + 1, pairs, step: 2)] : [.init(first, form.turning)]
            return [.init(0, first)] + turning
        }
        let queryInput = form.reduced ?? width
        let queryName = form.reduced == nil ? "\(path).q_proj.weight" : "\(path).q_b_proj.weight"
        let queryShape = [heads * querySize, queryInput]
        let expansion = "\(path).kv_b_proj.weight"
        let expansionShape = [heads * (form.content + form.valueSize), form.size]
        var latent = Latent(
            norm: Norm(weight: Weight("\(path).kv_a_layernorm.weight", [form.size]), epsilon: form.epsilon),
            size: form.size, contentSize: form.content, valueSize: form.valueSize,
            keyExpansion: Weight(
                "\(path).k_b_proj.weight", [form.size, form.content], members: queries,
                sources: [
                    Weight.Source(expansion, expansionShape, runs: [.init(0, form.content)], transposesRuns: true)
                ]),
            valueExpansion: Weight(
                "\(path).v_b_proj.weight", [form.valueSize, form.size], members: queries,
                sources: [Weight.Source(expansion, expansionShape, runs: [.init(form.content, form.valueSize)])]))
        if let reduced = form.reduced {
            latent.reduction = Latent.Reduction(
                projection: Projection(weight: Weight("\(path).q_a_proj.weight", [reduced, width])),
                norm: Norm(weight: Weight("\(path).q_a_layernorm.weight", [reduced]), epsilon: form.epsilon))
        }
        let key = "\(path).kv_a_proj_with_mqa.weight"
        return Attention(
            query: Projection(
                weight: Weight(
                    queryName, queryShape, .rows(queries, perUnit: querySize),
                    sources: [Weight.Source(queryName, queryShape, runs: runs(after: form.content), groupCount: heads)])
            ),
            key: Projection(
                weight: Weight(
                    key, [form.size + form.turning, width], .rows(latents, perUnit: form.size + form.turning),
                    sources: [Weight.Source(key, [form.size + form.turning, width], runs: runs(after: form.size))])),
            value: nil,
            output: last("\(path).o_proj", queries, perUnit: form.valueSize, hasBias: false),
            heads: heads, keyValueHeads: 1, headSize: form.size + form.turning, rotary: rotary,
            scale: scale ?? 1, latent: latent, queryAxis: queries, keyValueAxis: latents)
    }
}
