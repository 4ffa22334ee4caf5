/// How a file says which channels turn, and how fast.
extension GGUFConfiguration {
    /// The members of `rope_parameters`.
    func rotary(_ reader: inout ConfigurationReader) throws(BlueprintError) -> [String: ConfigurationValue] {
        let theta = try reader.positive("rope.freq_base", default: 10_000)
        var parameters: [String: ConfigurationValue] = ["rope_theta": .real(theta)]
        let turning = try reader.count("rope.dimension_count", default: headSize)
        if turning != headSize { parameters["partial_rotary_factor"] = .real(part(turning, of: headSize)) }
        let original = try reader.integer("rope.scaling.original_context_length")
        try addScaling(&parameters, &reader, original: original)
        try addFactors(&parameters, Rotary(size: turning, theta: theta), original: original)
        try addFactorsByLength(&parameters, &reader, original: original)
        return parameters
    }

    /// Changes `rope_parameters` among the members of config.json.
    static func changeRotary(
        _ members: inout [String: ConfigurationValue],
        _ change: (inout [String: ConfigurationValue]) throws(BlueprintError) -> Void
    ) throws(BlueprintError) {
        guard case .object(var rotary)? = members["rope_parameters"] else { return }
        try change(&rotary)
        members["rope_parameters"] = .object(rotary)
    }

    /// What gives the count where it is multiplied by the whole and cut to an integer.
    private func part(_ count: Int, of whole: Int) -> Double {
        let part = Double(count) / Double(whole)
        return part * Double(whole) < Double(count) ? part.nextUp : part
    }

    private func addScaling(
        _ parameters: inout [String: ConfigurationValue], _ reader: inout ConfigurationReader, original: Int?
    ) throws(BlueprintError) {
        let older = try reader.real("rope.scale_linear")
        let factor = try reader.real("rope.scaling.factor") ?? older
        let kind = try reader.string("rope.scaling.type") ?? (factor == nil ? "none" : "linear")
        if kind == "none" || kind == Self.byLength { return }
        if let factor, !(kind == "linear" && factor == 1) {
            parameters["rope_type"] = .string(kind)
            parameters["factor"] = .real(factor)
            // Linear scaling has no use for it.
            if kind != "linear" { parameters["original_max_position_embeddings"] = original.map { .integer($0) } }
            if kind == "yarn" { try addTurns(&parameters, &reader) }
        } else if kind != "linear" {
            throw .missingKey("\(family.name).rope.scaling.factor")
        }
    }

    /// Reads how many turns in the context of training keep a frequency as it is, and how few divide it in full.
    private func addTurns(
        _ parameters: inout [String: ConfigurationValue], _ reader: inout ConfigurationReader
    ) throws(BlueprintError) {
        for name in ["beta_fast", "beta_slow"] {
            if let turns = try reader.real("rope.scaling.yarn_\(name)") { parameters[name] = .real(turns) }
        }
        try reader.require("rope.scaling.yarn_ext_factor", .real(1))
    }

    /// Reads what each frequency is divided by.
    private func addFactors(
        _ parameters: inout [String: ConfigurationValue], _ rotary: Rotary, original: Int?
    ) throws(BlueprintError) {
        guard let factors = vectors[GGUFModel.frequencyFactorsName] else { return }
        guard let scaling = rotary.scaling(dividingBy: factors, contexts: [original, context].compactMap { $0 }) else {
            throw .unsupportedValue(
                key: GGUFModel.frequencyFactorsName,
                expected: "\(rotary.size / 2) factors that a scaling by wavelength gives", found: "\(factors)")
        }
        switch scaling {
        case .none:
            return
        case .linear, .byWavelength, .byTurns, .byPair:
            try refuse(parameters["rope_type"], beside: GGUFModel.frequencyFactorsName)
            parameters.merge(scaling.members) { $1 }
        }
    }

    /// `rope.scaling.type` of the frequencies that ``addFactorsByLength(_:_:original:)`` reads.
    private static let byLength = "longrope"

    /// Reads what each frequency is divided by in contexts beyond those of training, and within.
    private func addFactorsByLength(
        _ parameters: inout [String: ConfigurationValue], _ reader: inout ConfigurationReader, original: Int?
    ) throws(BlueprintError) {
        let (long, short) = (vectors[GGUFModel.longFactorsName], vectors[GGUFModel.shortFactorsName])
        guard let long, let short else {
            guard long == nil, short == nil, try reader.string("rope.scaling.type") != Self.byLength else {
                throw .inconsistent(
                    expected: "tensors '\(GGUFModel.longFactorsName)' and '\(GGUFModel.shortFactorsName)'",
                    found: long == nil ? short == nil ? "neither" : "the second only" : "the first only")
            }
            return
        }
        try refuse(parameters["rope_type"], beside: GGUFModel.longFactorsName)
        guard let original else { throw .missingKey("\(family.name).rope.scaling.original_context_length") }
        let scaling = Rotary.Scaling.byPair(short: short, long: long, originalContext: original)
        parameters.merge(scaling.members) { $1 }
        if let factor = try reader.real("rope.scaling.attn_factor") { parameters["attention_factor"] = .real(factor) }
    }

    private func refuse(_ kind: ConfigurationValue?, beside tensor: String) throws(BlueprintError) {
        guard let kind else { return }
        throw .inconsistent(
            expected: "either '\(tensor)' or 'rope.scaling.type'", found: "both, \(kind)")
    }
}
