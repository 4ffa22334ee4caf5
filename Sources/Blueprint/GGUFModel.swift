/// What a GGUF file says of a model, in the words of a checkpoint.
public struct GGUFModel: Sendable, Hashable {
    /// Where a checkpoint's tensor is to be found, and what makes it of the file's.
    public struct Source: Sendable, Hashable {
        /// The tensor's name in the file.
        public var name: String
        /// Its shape in the checkpoint: as many elements in rows as long.
        public var shape: [Int]
        /// Where the checkpoint's rows lie in the file.
        public var order = RowOrder.same
        /// Where the checkpoint's columns lie in the file; nil for in the same places.
        public var columnOrder: GGUFHeadOrder?
        /// What gives the checkpoint's numbers.
        public var change = ElementChange.none
    }

    /// The order of a tensor's rows in a file.
    public enum RowOrder: Sendable, Hashable {
        /// That of a checkpoint.
        case same
        /// Rotary pairs are neighbours: rows 2 i and 2 i + 1 of a head are rows i and i + half of the checkpoint's.
        case paired(headSize: Int)
        /// Heads of one group are not neighbours.
        case dealt(GGUFHeadOrder)
    }

    /// What is done to the numbers of a file, all of f32, to have those of a checkpoint.
    public enum ElementChange: Sendable, Hashable {
        /// Nothing.
        case none
        /// One is taken from each: a file has the factors of norms that a checkpoint has by how much they exceed one.
        case lessOne
        /// The logarithm of each, its sign changed: a file has the rates by which states decay, all below zero.
        case logarithmOfNegative
    }

    /// The text of a config.json that says the same.
    public let configuration: String
    /// The checkpoint's tensors by their names there. What no checkpoint has keeps the file's name.
    public let sources: [String: Source]
    private let names: GGUFNames

    /// The tensor that says by how much each rotary frequency is divided.
    public static let frequencyFactorsName = "rope_freqs.weight"
    /// The same for contexts beyond those of training, and for those within.
    static let longFactorsName = "rope_factors_long.weight"
    static let shortFactorsName = "rope_factors_short.weight"
    /// The tensors whose elements config.json says: no checkpoint has them.
    public static let vectorNames: Set = [frequencyFactorsName, longFactorsName, shortFactorsName]

    /// Translates a file.
    ///
    /// - Parameters:
    ///   - metadata: all of it but the tokenizer's lists.
    ///   - shapes: of every tensor, `[rows, columns]` or `[count]`.
    ///   - vectors: the elements of those of ``vectorNames`` that there are, one for each pair of channels that turns.
    /// - Throws: ``BlueprintError`` for a file that no implemented architecture follows exactly.
    public init(
        metadata: [String: ConfigurationValue], shapes: [String: [Int]], vectors: [String: [Float]] = [:]
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
            family: family, shapes: shapes, vectors: vectors, endTokens: try Self.endTokens(&outer))
        let prefix = "\(name)."
        let pairs = metadata.filter { $0.key.hasPrefix(prefix) }.map { ($0.key.dropFirst(prefix.count), $0.value) }
        var reader = ConfigurationReader(
            Dictionary(uniqueKeysWithValues: pairs.map { (String($0), $1) }), prefix: prefix)
        let members = try configuration.members(&reader)
        try reader.finish()
        self.configuration = ConfigurationValue.object(members).description
        sources = try Self.sources(shapes, configuration, members)
        names = GGUFNames(configuration.family, tensors: shapes.keys)
    }

    /// The file's name of a checkpoint's tensor, be it there or not; nil where no file of the family has any.
    public func fileName(of tensor: String) -> String? { sources[tensor]?.name ?? names.name(of: tensor) }

    /// What ends a text, a turn or a message, where the file says so.
    private static func endTokens(_ reader: inout ConfigurationReader) throws(BlueprintError) -> [Int] {
        var tokens: [Int] = []
        for kind in ["eos", "eot", "eom"] {
            guard let token = try reader.integer("tokenizer.ggml.\(kind)_token_id"), !isNoToken(token) else { continue }
            if !tokens.contains(token) { tokens.append(token) }
        }
        return tokens
    }

    /// Whether a file says with this number that there is no such token: -1, with a sign or without.
    public static func isNoToken(_ id: Int) -> Bool { id == -1 || id == Int(UInt32.max) }

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
        _ shapes: [String: [Int]], _ configuration: GGUFConfiguration, _ members: [String: ConfigurationValue]
    ) throws(BlueprintError) -> [String: Source] {
        let family = configuration.family
        var sources: [String: Source] = [:]
        try checkExperts(shapes.keys)
        try configuration.checkFurtherLayers()
        for (name, shape) in shapes where !vectorNames.contains(name) {
            var source = Source(name: name, shape: family.checkpointShape(name, shape))
            source.change = family.change(name)
            if family.pairsRows(name) {
                let count = name.contains(".attn_k.") ? configuration.keyValueHeads : configuration.heads
                guard let rows = shape.first, rows % (2 * count) == 0 else {
                    throw .inconsistent(
                        expected: "'\(name)' to have an even number of rows for each of \(count) heads",
                        found: "a shape of \(shape)")
                }
                source.order = .paired(headSize: rows / count)
            }
            try deal(&source, shape, family.headOrder(name, members))
            sources[configuration.checkpointName(name) ?? name] = source
        }
        return sources
    }

    /// Notes that heads of one group are not neighbours in the file, in rows or in columns.
    private static func deal(
        _ source: inout Source, _ shape: [Int], _ order: GGUFFamily.HeadOrder?
    ) throws(BlueprintError) {
        guard let order else { return }
        let (heads, found) =
            switch order {
            case .rows(let heads): (heads, shape.first)
            case .columns(let heads): (heads, shape.last)
            }
        guard found == heads.count else {
            throw .inconsistent(
                expected: "'\(source.name)' to have \(heads.count) rows or columns for "
                    + "\(heads.groupCount * heads.groupSize) heads of \(heads.headSize)", found: "a shape of \(shape)")
        }
        switch order {
        case .rows: source.order = .dealt(heads)
        case .columns: source.columnOrder = heads
        }
    }
}
