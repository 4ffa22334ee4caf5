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
        // One tensor of a checkpoint, or one for keys and one for values.
        let (keyName, valueName) = ("\(path).k_b_proj.weight", "\(path).v_b_proj.weight")
        func expansion(
            _ name: String, mlx other: String, _ shape: [Int], first: Int, _ count: Int, turned: Bool
        ) -> [Weight.Source] {
            let both = [heads * (form.content + form.valueSize), form.size]
            return [
                Weight.Source(
                    "\(path).kv_b_proj.weight", both, runs: [Weight.Source.Run(first, count)], transposesRuns: turned),
                Weight.Source(name, [heads] + shape),
                Weight.Source("\(path).\(other).weight", [heads] + shape),
            ]
        }
        let (keyShape, valueShape) = ([form.size, form.content], [form.valueSize, form.size])
        var latent = Latent(
            norm: Norm(weight: Weight("\(path).kv_a_layernorm.weight", [form.size]), epsilon: form.epsilon),
            size: form.size, contentSize: form.content, valueSize: form.valueSize,
            keyExpansion: Weight(
                keyName, keyShape, members: queries,
                sources: expansion(keyName, mlx: "embed_q", keyShape, first: 0, form.content, turned: true)),
            valueExpansion: Weight(
                valueName, valueShape, members: queries,
                sources: expansion(
                    valueName, mlx: "unembed_out", valueShape, first: form.content, form.valueSize, turned: false)))
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
