/// What a checkpoint computes, as plain values: no memory, no ranks.
///
/// token -> embedding -> layers (each branch `x += mixer(norm(x))`) -> final norm -> head -> logits
public struct Blueprint: Hashable, Sendable {
    /// The name in config.json's `architectures`.
    public var architecture: String
    /// Channels of the residual stream.
    public var width: Int
    /// Rows of the embedding and of the head.
    public var vocabulary: Int
    /// The longest context that the model was made for, in tokens.
    public var maximumContext: Int
    /// `[vocabulary, width]`.
    public var embedding: Weight
    /// What the embedding is multiplied by.
    public var embeddingFactor: Float = 1
    /// In order of computation.
    public var layers: [Layer]
    /// The norm before the head.
    public var finalNorm: Norm
    /// `[vocabulary, width]`; nil where the embedding serves as head.
    public var untiedHead: Weight?
    /// What logits are multiplied by.
    public var logitFactor: Float = 1
    /// Logits become `cap * tanh(logit / cap)`; nil where they stay.
    public var logitCap: Float?
    /// The encoding that config.json names for its weights, where it names one.
    public var statedEncoding: Scalar?
    /// What config.json says of quantised matrices; it changes how they are stored, not what is computed.
    public var quantization: Quantization?
    /// What config.json says of matrices whose tensors tell how they are stored.
    var storedMethod: StoredMethod?
    /// The tokens that end a text.
    public var endTokens: [Int]
    /// Endings of the names of checkpoint tensors that have no effect.
    var ignoredSuffixes: [String]
    /// Beginnings of such names.
    var ignoredPrefixes: [String] = []
    /// What paths of tensors begin with in some checkpoints, and in the reference's memory instead.
    var otherPrefixes: [String: String] = [:]
}

extension Blueprint {
    /// The blueprint of a checkpoint.
    ///
    /// - Parameter configuration: the text of config.json.
    /// - Throws: ``BlueprintError`` for a config that no implemented architecture follows exactly.
    public init(configuration: String) throws(BlueprintError) {
        var reader = try ConfigurationReader(json: configuration)
        let names = try reader.strings("architectures") ?? []
        guard let architecture = names.lazy.compactMap(Architectures.named).first else {
            let found = names.isEmpty ? "nothing" : names.joined(separator: ", ")
            throw .unknownArchitecture(found: found, known: Architectures.names)
        }
        self = try architecture.blueprint(&reader)
        quantization = try quantization(&reader)
        storedMethod = try reader.storedMethod()
        try reader.finish()
    }

    /// What config.json says of quantised matrices, by the reference's names.
    private func quantization(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Quantization? {
        guard let quantization = try reader.quantization() else { return nil }
        let names = Set(weights.flatMap(\.sourceNames))
        let unknown = quantization.paths.first { path in
            let name = Quantization.weightName(referenceName(path))
            return !names.contains(name) && !ignores(name)
        }
        if let unknown {
            if let layer = Self.layer(in: unknown), layer >= layers.count {
                throw .inconsistent(
                    expected: "'quantization' to name parts of the \(layers.count) layers that other keys give",
                    found: unknown)
            }
            throw .unknownKey(
                "quantization.\(unknown)", value: quantization.plain.contains(unknown) ? "false" : "a quantisation")
        }
        let paths = Dictionary(grouping: quantization.paths, by: referenceName)
        if let twice = paths.values.filter({ $0.count > 1 }).min(by: { $0[0] < $1[0] }) {
            throw .inconsistent(
                expected: "'quantization' to have one name for each part", found: twice.joined(separator: " and "))
        }
        return quantization.renamed(referenceName)
    }

    /// The layer whose part a path names.
    private static func layer(in path: String) -> Int? {
        let names = path.split(separator: ".")
        return zip(names, names.dropFirst()).first { $0.0 == "layers" }.flatMap { Int($0.1) }
    }

    /// The reference's name for a tensor or a part of the model that has another one in some checkpoints.
    public func referenceName(_ name: String) -> String {
        let other = otherPrefixes.first { name == $0.key || name.hasPrefix($0.key + ".") }
        return other.map { $0.value + name.dropFirst($0.key.count) } ?? name
    }

    /// The name that such a checkpoint has for a tensor of the reference.
    public func otherName(_ name: String) -> String {
        let possible = otherPrefixes.filter { name == $0.value || name.hasPrefix($0.value + ".") }
        let other = possible.max { $0.value.count < $1.value.count }
        return other.map { $0.key + name.dropFirst($0.value.count) } ?? name
    }

    /// Whether the embedding serves as head.
    public var isTied: Bool { untiedHead == nil }

    /// The head: the embedding where it is tied.
    public var head: Weight { untiedHead ?? embedding }

    /// The axis of vocabulary rows.
    public var vocabularyAxis: Axis { Axis(.vocabulary, layer: nil, count: vocabulary) }

    /// The axis of the residual stream's channels: rows of last projections where inputs are gathered.
    public var widthAxis: Axis { Axis(.width, layer: nil, count: width) }

    /// The axes that ranks share out, each by itself, in order of use.
    public var dealtAxes: [Axis] {
        [vocabularyAxis, widthAxis] + layers.flatMap { $0.branches.flatMap(\.mixer.axes) }
    }

    /// Every tensor, in order of use.
    public var weights: [Weight] {
        [embedding] + layers.flatMap { $0.branches.flatMap(\.weights) } + finalNorm.weights
            + (untiedHead.map { [$0] } ?? [])
    }

    /// Every norm, in order of use.
    public var norms: [Norm] { layers.flatMap { $0.branches.flatMap(\.norms) } + [finalNorm] }

    /// The attention mixers of all layers, in order of computation.
    public var attentions: [Attention] {
        layers.flatMap { layer in
            layer.branches.compactMap { branch in
                switch branch.mixer {
                case .attention(let attention): attention
                case .mlp, .experts, .deltaNet, .stateSpace: nil
                }
            }
        }
    }

    /// Whether any layer has experts.
    public var hasExperts: Bool {
        layers.contains { layer in layer.branches.contains { if case .experts = $0.mixer { true } else { false } } }
    }

    /// The recurrent mixers of all layers, in order of computation.
    public var recurrences: [Recurrence] {
        layers.flatMap { $0.branches.compactMap(\.mixer.recurrence) }
    }

    /// The different rotations of its attentions, in order of use.
    public var rotaries: [Rotary] {
        attentions.reduce(into: []) { rotaries, attention in
            if attention.rotary.size > 0, !rotaries.contains(attention.rotary) { rotaries.append(attention.rotary) }
        }
    }

    /// The longest sequence that turns as short ones do, where longer ones turn otherwise.
    public var longFrom: Int? { rotaries.compactMap(\.longFrom).min() }

    /// The number of parameters; a tied head counts once.
    public var parameterCount: Int { weights.reduce(0) { $0 + $1.elementCount } }

    /// The encoding of a weight that config.json names, where it names one.
    public func statedEncoding(of weight: Weight) -> Encoding? {
        switch storedMethod {
        case .mxfp4? where weight.members != nil && !weight.isVector: return Grouping.microscaled.map(Encoding.grouped)
        case .fp8? where !weight.isVector && !weight.isSensitive && weight != embedding && weight != head: return .f32
        case .mxfp4?, .fp8?, nil: break
        }
        let form = weight.isVector ? nil : quantization?.form(of: weight)
        return form.flatMap { $0.encoding(statedEncoding ?? .bf16) } ?? statedEncoding.map(Encoding.plain)
    }

    /// Whether a checkpoint tensor of this name has no effect and is left out.
    public func ignores(_ name: String) -> Bool {
        ignoredSuffixes.contains { name.hasSuffix($0) } || ignoredPrefixes.contains { name.hasPrefix($0) }
    }
}
