/// The dimensions of a family's gated delta nets.
struct DeltaNetForm {
    var keyHeads: Int
    var valueHeads: Int
    var keySize: Int
    var valueSize: Int
    var kernelSize: Int

    /// The keys that all families with delta nets have.
    init(_ reader: inout ConfigurationReader) throws(BlueprintError) {
        keyHeads = try reader.count("linear_num_key_heads")
        valueHeads = try reader.count("linear_num_value_heads")
        keySize = try reader.count("linear_key_head_dim")
        valueSize = try reader.count("linear_value_head_dim")
        kernelSize = try reader.count("linear_conv_kernel_dim", default: 4)
        guard valueHeads.isMultiple(of: keyHeads), max(keySize, valueSize) <= Recurrence.largestHeadSize,
            kernelSize <= Recurrence.longestKernel
        else {
            throw .inconsistent(
                expected: "'linear_num_value_heads' to be a multiple of 'linear_num_key_heads', \(keyHeads), heads of "
                    + "at most \(Recurrence.largestHeadSize) channels, and a convolution of at most "
                    + "\(Recurrence.longestKernel) positions",
                found: "\(valueHeads), \(keySize), \(valueSize) and \(kernelSize)")
        }
    }
}

extension DenseDecoder {
    /// The delta net of a layer.
    ///
    /// Checkpoints have its projections in two tensors, in groups of one key head with its value heads, or in four,
    /// queries, keys and values one after the other in the first.
    func deltaNet(_ form: DeltaNetForm, _ number: Int, _ path: String) -> DeltaNet {
        let values = Axis(.stateHeads, layer: number, count: form.valueHeads)
        let keys = Axis(.coveredHeads, layer: number, count: form.keyHeads)
        let rows = form.rows
        func projection(_ name: String, _ axis: Axis, _ size: Int, _ sources: [Weight.Source]) -> Projection {
            let distribution = Weight.Distribution.rows(axis, perUnit: size)
            return Projection(
                weight: Weight("\(path).\(name).weight", [axis.count * size, width], distribution, sources: sources))
        }
        func segment(_ name: String, _ axis: Axis, _ size: Int, first: Int, inGroup: Int) -> Projection {
            let count = axis.count * size
            return projection(
                name, axis, size,
                [
                    Weight.Source(
                        "\(path).in_proj_qkv.weight", [rows.all, width], runs: [.init(first, count)]),
                    Weight.Source(
                        "\(path).in_proj_qkvz.weight", [rows.all + rows.values, width],
                        runs: [.init(inGroup, count / form.keyHeads)], groupCount: form.keyHeads),
                ])
        }
        func single(_ name: String, _ size: Int, _ fused: String, count: Int, inGroup: Int) -> Projection {
            let rows = values.count * size
            let source = Weight.Source(
                "\(path).\(fused).weight", [count, width], runs: [.init(inGroup, rows / form.keyHeads)],
                groupCount: form.keyHeads)
            return projection(name, values, size, [Weight.Source("\(path).\(name).weight", [rows, width]), source])
        }
        func convolution(_ name: String, _ axis: Axis, _ size: Int, first: Int) -> Convolution {
            let kernel = form.kernelSize
            let source = Weight.Source(
                "\(path).conv1d.weight", [rows.all, 1, kernel],
                runs: [.init(first * kernel, axis.count * size * kernel)])
            return Convolution(
                weight: Weight(
                    "\(path).\(name)_conv.weight", [axis.count * size * kernel], .rows(axis, perUnit: size * kernel),
                    sources: [source]))
        }
        let ratio = form.valueHeads / form.keyHeads
        func rate(_ name: String, inGroup: Int) -> Projection {
            var projection = single(name, 1, "in_proj_ba", count: 2 * form.valueHeads, inGroup: inGroup)
            projection.weight.isSensitive = true
            return projection
        }
        let (query, value) = (form.keySize, ratio * form.valueSize)
        return DeltaNet(
            query: segment("q_proj", keys, form.keySize, first: 0, inGroup: 0),
            key: segment("k_proj", keys, form.keySize, first: rows.keys, inGroup: query),
            value: segment("v_proj", values, form.valueSize, first: 2 * rows.keys, inGroup: 2 * query),
            gate: single(
                "in_proj_z", form.valueSize, "in_proj_qkvz", count: rows.all + rows.values, inGroup: 2 * query + value),
            decay: rate("in_proj_a", inGroup: ratio), step: rate("in_proj_b", inGroup: 0),
            decayLog: Weight("\(path).A_log", [form.valueHeads], .rows(values, perUnit: 1)),
            decayBias: Weight("\(path).dt_bias", [form.valueHeads], .rows(values, perUnit: 1)),
            convolutions: [
                convolution("q", keys, form.keySize, first: 0),
                convolution("k", keys, form.keySize, first: rows.keys),
                convolution("v", values, form.valueSize, first: 2 * rows.keys),
            ],
            norm: Norm(weight: Weight("\(path).norm.weight", [form.valueSize]), epsilon: epsilon),
            output: last("\(path).out_proj", values, perUnit: form.valueSize, hasBias: false),
            recurrence: Recurrence(
                axis: values, coveredAxis: keys, headSize: form.valueSize, stateSize: form.keySize,
                kernelSize: form.kernelSize))
    }
}

extension DeltaNetForm {
    /// Rows of keys, of values, and of queries, keys and values.
    fileprivate var rows: (keys: Int, values: Int, all: Int) {
        let (keys, values) = (keyHeads * keySize, valueHeads * valueSize)
        return (keys, values, 2 * keys + values)
    }
}
