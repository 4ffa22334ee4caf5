/// The dimensions of a family's state spaces.
struct StateSpaceForm {
    var heads: Int
    var headSize: Int
    var groups: Int
    var stateSize: Int
    var kernelSize: Int
    var hasConvolutionBias: Bool

    /// The keys of Mamba 2.
    init(_ reader: inout ConfigurationReader) throws(BlueprintError) {
        heads = try reader.count("mamba_num_heads")
        headSize = try reader.count("mamba_head_dim")
        groups = try reader.count("n_groups", default: 1)
        stateSize = try reader.count("ssm_state_size")
        kernelSize = try reader.count("conv_kernel", default: 4)
        hasConvolutionBias = try reader.boolean("use_conv_bias", default: true)
        guard heads.isMultiple(of: groups), max(headSize, stateSize) <= Recurrence.largestHeadSize,
            kernelSize <= Recurrence.longestKernel
        else {
            throw .inconsistent(
                expected: "'mamba_num_heads' to be a multiple of 'n_groups', \(groups), heads and states of at most "
                    + "\(Recurrence.largestHeadSize) channels, and a convolution of at most "
                    + "\(Recurrence.longestKernel) positions",
                found: "\(heads), \(headSize), \(stateSize) and \(kernelSize)")
        }
        for key in ["use_bias", "mamba_proj_bias"] where try reader.boolean(key, default: false) {
            throw .unsupportedValue(key: key, expected: "false", found: "true")
        }
        let activation = try reader.string("mamba_hidden_act") ?? "silu"
        guard activation == "silu" else {
            throw .unsupportedValue(key: "mamba_hidden_act", expected: "\"silu\"", found: "\"\(activation)\"")
        }
    }
}

extension DenseDecoder {
    /// The state space of a layer. Checkpoints have its projections in one tensor, gate, inputs, B, C and steps one
    /// after the other.
    func stateSpace(_ form: StateSpaceForm, _ number: Int, _ path: String) -> StateSpace {
        let heads = Axis(.stateHeads, layer: number, count: form.heads)
        let groups = Axis(.coveredHeads, layer: number, count: form.groups)
        let (inner, states) = (form.heads * form.headSize, form.groups * form.stateSize)
        let convolved = inner + 2 * states
        func projection(_ name: String, _ axis: Axis, _ size: Int, first: Int) -> Projection {
            let source = Weight.Source(
                "\(path).in_proj.weight", [inner + convolved + form.heads, width],
                runs: [.init(first, axis.count * size)])
            return Projection(
                weight: Weight(
                    "\(path).\(name).weight", [axis.count * size, width], .rows(axis, perUnit: size),
                    sources: [source]))
        }
        func convolution(_ name: String, _ axis: Axis, _ size: Int, first: Int) -> Convolution {
            let (count, kernel) = (axis.count * size, form.kernelSize)
            let source = Weight.Source(
                "\(path).conv1d.weight", [convolved, 1, kernel], runs: [.init(first * kernel, count * kernel)])
            let biasSource = Weight.Source("\(path).conv1d.bias", [convolved], runs: [.init(first, count)])
            return Convolution(
                weight: Weight(
                    "\(path).\(name)_conv.weight", [count * kernel], .rows(axis, perUnit: size * kernel),
                    sources: [source]),
                bias: form.hasConvolutionBias
                    ? Weight("\(path).\(name)_conv.bias", [count], .rows(axis, perUnit: size), sources: [biasSource])
                    : nil)
        }
        func ofHeads(_ name: String) -> Weight {
            Weight("\(path).\(name)", [form.heads], .rows(heads, perUnit: 1))
        }
        var step = projection("dt_proj", heads, 1, first: inner + convolved)
        step.weight.isSensitive = true
        return StateSpace(
            gate: projection("z_proj", heads, form.headSize, first: 0),
            input: projection("x_proj", heads, form.headSize, first: inner),
            write: projection("b_proj", groups, form.stateSize, first: 2 * inner),
            read: projection("c_proj", groups, form.stateSize, first: 2 * inner + states),
            step: step,
            stepBias: ofHeads("dt_bias"), decayLog: ofHeads("A_log"), skip: ofHeads("D"),
            convolutions: [
                convolution("c", groups, form.stateSize, first: inner + states),
                convolution("b", groups, form.stateSize, first: inner),
                convolution("x", heads, form.headSize, first: 0),
            ],
            norm: Norm(
                weight: Weight("\(path).norm.weight", [inner], .rows(heads, perUnit: form.headSize)),
                epsilon: epsilon),
            output: last("\(path).out_proj", heads, perUnit: form.headSize, hasBias: false),
            recurrence: Recurrence(
                axis: heads, coveredAxis: groups, headSize: form.headSize, stateSize: form.stateSize,
                kernelSize: form.kernelSize))
    }
}
