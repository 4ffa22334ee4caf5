import Foundation

/// Readers of keys that several families spell alike.
extension ConfigurationReader {
    /// The encoding in `dtype` or `torch_dtype`.
    mutating func encoding() throws(BlueprintError) -> Scalar? {
        let current = try string("dtype")
        let older = try string("torch_dtype")
        switch current ?? older {
        case "float32": return .f32
        case "bfloat16": return .bf16
        case "float16": return .f16
        default: return nil
        }
    }

    /// One token id or a list of them.
    mutating func tokens(_ key: String) throws(BlueprintError) -> [Int] {
        switch value(key) {
        case nil: return []
        case .integer(let id): return [id]
        case .array(let values):
            let ids: [Int] = values.compactMap { if case .integer(let id) = $0 { id } else { nil } }
            guard ids.count == values.count else { throw notTokens(key, .array(values)) }
            return ids
        case let other?:
            throw notTokens(key, other)
        }
    }

    private func notTokens(_ key: String, _ found: ConfigurationValue) -> BlueprintError {
        .wrongType(key: key, expected: "a token id or a list of them", found: "\(found)")
    }

    /// Rotary embedding: `rope_parameters` as newer files spell it, `rope_theta` and `rope_scaling` as older ones do.
    ///
    /// - Parameter partial: the part of `size` that turns where nothing is said; nil where all of it must.
    mutating func rotary(
        size: Int, defaultTheta: Double = 10_000, partial: Double? = nil
    ) throws(BlueprintError) -> Rotary {
        let outerTheta = try has("rope_theta") ? positive("rope_theta", default: defaultTheta) : nil
        if let older = value("rope_scaling"), let newer = value("rope_parameters"), older != newer {
            throw .inconsistent(
                expected: "one of 'rope_scaling' and 'rope_parameters', or both alike", found: "\(older) and \(newer)")
        }
        let older = try object("rope_scaling")
        guard var inner = try object("rope_parameters") ?? older else {
            return Rotary(
                size: try turning(partOf: size, partial), theta: outerTheta ?? defaultTheta)
        }
        let outer = try partial == nil ? nil : real("partial_rotary_factor") ?? partial
        inner.originalContext = stated("original_max_position_embeddings")
        inner.longestContext = stated("max_position_embeddings")
        return try inner.rotaryMembers(size: size, defaultTheta: outerTheta ?? defaultTheta, partial: outer)
    }

    /// The rotation that an object of this name describes; one without scaling where there is no such object.
    mutating func rotary(nestedIn key: String, size: Int, defaultTheta: Double) throws(BlueprintError) -> Rotary {
        guard var inner = try object(key) else { return Rotary(size: size, theta: defaultTheta) }
        return try inner.rotaryMembers(size: size, defaultTheta: defaultTheta)
    }

    /// The channels of `size` that turn by `partial_rotary_factor`: an even number.
    private mutating func turning(partOf size: Int, _ partial: Double?) throws(BlueprintError) -> Int {
        let part = try real("partial_rotary_factor") ?? partial ?? 1
        guard partial != nil || part == 1 else {
            throw unsupported("partial_rotary_factor", expected: "1", found: "\(part)")
        }
        let count = part > 0 && part <= 1 ? Int(Double(size) * part) : 0
        guard count > 0, count.isMultiple(of: 2) else {
            throw unsupported(
                "partial_rotary_factor", expected: "a part of a head's \(size) channels, an even number",
                found: "\(part)")
        }
        return count
    }

    private mutating func rotaryMembers(
        size: Int, defaultTheta: Double, partial: Double? = nil
    ) throws(BlueprintError) -> Rotary {
        let theta = try positive("rope_theta", default: defaultTheta)
        let size = try turning(partOf: size, partial)
        let olderKind = try string("type")
        let kind = try string("rope_type") ?? olderKind ?? "default"
        let scaling = try rotaryScaling(kind, size: size)
        let factor = try attentionFactor(of: scaling)
        // Positions of pictures and films; of text all are the same.
        for key in ["mrope_section", "mrope_interleaved"] { _ = value(key) }
        try finish()
        return Rotary(size: size, theta: theta, scaling: scaling, attentionFactor: factor)
    }

    /// A cap above zero; nil where the key is null.
    mutating func cap(_ key: String, default fallback: Double?) throws(BlueprintError) -> Float? {
        guard has(key) else { return fallback.map { Float($0) } }
        guard value(key) != nil else { return nil }
        return Float(try positive(key))
    }

    /// What cosines and sines are multiplied by (`_compute_yarn_parameters` in transformers' `modeling_rope_utils.py`).
    private mutating func attentionFactor(of scaling: Rotary.Scaling) throws(BlueprintError) -> Float {
        if case .byPair(_, _, let original) = scaling { return try attentionFactor(ofLong: original) }
        guard case .byTurns(let factor, _, _, _, _) = scaling else { return 1 }
        // The reference does not read it, other programs multiply by it.
        guard value("attn_factor") == nil else {
            throw .inconsistent(
                expected: "'attention_factor', what cosines and sines are multiplied by in all",
                found: "'attn_factor', by which some programs multiply and which others ignore")
        }
        let stated = try real("attention_factor")
        let (scale, scaleOfAll) = (try real("mscale"), try real("mscale_all_dim"))
        if let stated { return Float(stated) }
        func magnitude(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(Double(factor)) + 1 }
        guard let scale, let scaleOfAll, scale != 0, scaleOfAll != 0 else { return Float(magnitude(1)) }
        return Float(magnitude(scale) / magnitude(scaleOfAll))
    }

    /// The same of frequencies that change with the length (`_compute_longrope_parameters`).
    private mutating func attentionFactor(ofLong original: Int) throws(BlueprintError) -> Float {
        let stated = try real("attention_factor")
        let factor = try real("factor") ?? longestContext.map { Double($0) / Double(original) } ?? 1
        guard stated == nil else { return Float(stated ?? 1) }
        return factor > 1 && original > 1 ? Float((1 + log(factor) / log(Double(original))).squareRoot()) : 1
    }

    /// A number for each pair of channels that turn.
    private mutating func factors(_ key: String, size: Int) throws(BlueprintError) -> [Float] {
        let numbers = try reals(key) ?? []
        guard numbers.count == size / 2, numbers.allSatisfy({ $0 > 0 }) else {
            throw .inconsistent(
                expected: "'\(key)' to have \(size / 2) numbers above zero, one per pair of channels",
                found: "\(numbers.count)")
        }
        return numbers.map { Float($0) }
    }

    private mutating func rotaryScaling(_ kind: String, size: Int) throws(BlueprintError) -> Rotary.Scaling {
        switch kind {
        case "default":
            return .none
        case "linear":
            return .linear(factor: Float(try positive("factor")))
        case "llama3":
            let low = try positive("low_freq_factor")
            let high = try positive("high_freq_factor")
            guard high > low else {
                throw .inconsistent(
                    expected: "'high_freq_factor' to be above 'low_freq_factor', \(low)", found: "\(high)")
            }
            return .byWavelength(
                factor: Float(try positive("factor")), lowFactor: Float(low), highFactor: Float(high),
                originalContext: try count("original_max_position_embeddings"))
        case "yarn":
            return .byTurns(
                factor: Float(try positive("factor")), fast: try positive("beta_fast", default: 32),
                slow: try positive("beta_slow", default: 1),
                originalContext: try count("original_max_position_embeddings"),
                isRounded: try boolean("truncate", default: true))
        case "longrope", "su":
            return .byPair(
                short: try factors("short_factor", size: size), long: try factors("long_factor", size: size),
                originalContext: try count("original_max_position_embeddings", default: originalContext))
        default:
            throw unsupported(
                "rope_type", expected: "\"default\", \"linear\", \"llama3\", \"yarn\" or \"longrope\"",
                found: "\"\(kind)\"")
        }
    }

    /// `sliding_window`, for which the references take 4096 where the key is absent, and none where it is null.
    mutating func window() throws(BlueprintError) -> Int? {
        let stated = try integer("sliding_window")
        return has("sliding_window") ? stated : 4096
    }

    /// Refuses a window of no position.
    func check(window: Int?) throws(BlueprintError) {
        guard let window, window < 1 else { return }
        throw unsupported("sliding_window", expected: "null or a number above zero", found: "\(window)")
    }

    /// Which layers see a window only, from `layer_types` or, in older files, from `max_window_layers`, for which the
    /// references take 28 where the key is absent.
    mutating func windows(layerCount: Int) throws(BlueprintError) -> [Int?] {
        let isUsed = try boolean("use_sliding_window", default: false)
        let window = try window()
        let stated = try integer("max_window_layers")
        let types = try strings("layer_types")
        guard isUsed, let window else { return Array(repeating: nil, count: layerCount) }
        try check(window: window)
        guard let types else {
            guard let firstLayer = has("max_window_layers") ? stated : 28 else {
                throw .missingKey("max_window_layers")
            }
            return (0..<layerCount).map { $0 >= firstLayer ? window : nil }
        }
        return try windows(types, layerCount: layerCount, window: window)
    }

    /// Which layers see a window only, from `layer_types` or, in older files, by the layer's number.
    mutating func windows(
        layerCount: Int, isWindowed: (Int) -> Bool
    ) throws(BlueprintError) -> [Int?] {
        let window = try window()
        try check(window: window)
        guard let types = try strings("layer_types") else {
            return (0..<layerCount).map { isWindowed($0) ? window : nil }
        }
        return try windows(types, layerCount: layerCount, window: window)
    }

    private func windows(_ types: [String], layerCount: Int, window: Int?) throws(BlueprintError) -> [Int?] {
        guard types.count == layerCount else {
            throw .inconsistent(
                expected: "'layer_types' to have \(layerCount) entries, one per layer", found: "\(types.count)")
        }
        var windows: [Int?] = []
        for type in types {
            switch type {
            case "full_attention": windows.append(nil)
            case "sliding_attention": windows.append(window)
            default:
                throw unsupported(
                    "layer_types", expected: "\"full_attention\" or \"sliding_attention\"", found: "\"\(type)\"")
            }
        }
        return windows
    }
}
