/// What a GGUF file says of a model, in the words of a checkpoint.
public struct GGUFModel: Sendable, Hashable {
    /// Where a checkpoint's tensor is to be found.
    public struct Source: Sendable, Hashable {
        /// The tensor's name in the file.
        public var name: String
        /// Rows of a head whose rotary pairs are neighbours: rows 2 i and 2 i + 1 are rows i and i + half of the
        /// checkpoint's head. Nil where the rows lie as in a checkpoint.
        public var pairedHeadSize: Int?
        /// Whether the file's vector is a matrix of one row in the checkpoint.
        public var isRow = false
    }

    /// The text of a config.json that says the same.
    public let configuration: String
    /// The checkpoint's tensors by their names there. What no checkpoint has keeps the file's name.
    public let sources: [String: Source]

    /// The tensor that says by how much each rotary frequency is divided.
    public static let frequencyFactorsName = "rope_freqs.weight"

    /// Translates a file.
    ///
    /// - Parameters:
    ///   - metadata: all of it but the tokenizer's lists.
    ///   - shapes: of every tensor, `[rows, columns]` or `[count]`.
    ///   - frequencyFactors: the elements of ``frequencyFactorsName``, `[head size / 2]`.
    /// - Throws: ``BlueprintError`` for a file that no implemented architecture follows exactly.
    public init(
        metadata: [String: ConfigurationValue], shapes: [String: [Int]], frequencyFactors: [Float]?
    ) throws(BlueprintError) {
        var outer = ConfigurationReader(metadata, prefix: "")
        guard let name = try outer.string("general.architecture") else { throw .missingKey("general.architecture") }
        guard let family = Architectures.gguf(named: name) else {
            throw .unsupportedValue(
                key: "general.architecture", expected: "one of \(Architectures.ggufNames.joined(separator: ", "))",
                found: name)
        }
        let kind = try outer.string("general.type") ?? "model"
        guard kind == "model" else {
            throw .unsupportedValue(key: "general.type", expected: "\"model\"", found: "\"\(kind)\"")
        }
        var configuration = GGUFConfiguration(
            family: family, shapes: shapes, frequencyFactors: frequencyFactors, endTokens: try Self.endTokens(&outer))
        let prefix = "\(name)."
        let pairs = metadata.filter { $0.key.hasPrefix(prefix) }.map { ($0.key.dropFirst(prefix.count), $0.value) }
        var reader = ConfigurationReader(
            Dictionary(uniqueKeysWithValues: pairs.map { (String($0), $1) }), prefix: prefix)
        let members = try configuration.members(&reader)
        try reader.finish()
        self.configuration = ConfigurationValue.object(members).description
        sources = try Self.sources(shapes, configuration)
    }

    /// What ends a text, a turn or a message, where the file says so.
    private static func endTokens(_ reader: inout ConfigurationReader) throws(BlueprintError) -> [Int] {
        var tokens: [Int] = []
        for kind in ["eos", "eot", "eom"] {
            guard let token = try reader.integer("tokenizer.ggml.\(kind)_token_id") else { continue }
            if !tokens.contains(token) { tokens.append(token) }
        }
        return tokens
    }

    /// Refuses other ways to store experts than a tensor of all for each projection.
    private static func checkExperts(_ names: some Sequence<String>) throws(BlueprintError) {
        for name in names.sorted() {
            let words = name.split(separator: ".")
            let isOfOne = words.count == 5 && words[2].hasPrefix("ffn_") && Int(words[3]) != nil
            guard isOfOne || words.contains("ffn_gate_up_exps") else { continue }
            throw .unsupportedValue(
                key: "tensors of experts",
                expected: "one for the gates of a layer, one for the ups and one for the downs", found: "'\(name)'")
        }
    }

    private static func sources(
        _ shapes: [String: [Int]], _ configuration: GGUFConfiguration
    ) throws(BlueprintError) -> [String: Source] {
        let family = configuration.family
        var sources: [String: Source] = [:]
        try checkExperts(shapes.keys)
        for (name, shape) in shapes where name != frequencyFactorsName {
            var source = Source(name: name)
            source.isRow = family.isRow(name) && shape.count == 1
            if family.pairsRows(name) {
                let count = name.contains(".attn_k.") ? configuration.keyValueHeads : configuration.heads
                guard let rows = shape.first, rows % (2 * count) == 0 else {
                    throw .inconsistent(
                        expected: "'\(name)' to have an even number of rows for each of \(count) heads",
                        found: "a shape of \(shape)")
                }
                source.pairedHeadSize = rows / count
            }
            sources[family.checkpointName(name) ?? name] = source
        }
        return sources
    }
}
