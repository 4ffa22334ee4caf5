public import Blueprint

/// A model as others publish it: its texts and its tensors.
public struct Checkpoint {
    /// The files that travel with a model as they are.
    public enum Text: String, Sendable, Hashable, CaseIterable {
        /// What the model computes.
        case configuration = "config.json"
        /// How to sample from it.
        case generation = "generation_config.json"
        /// How text becomes tokens.
        case tokenizer = "tokenizer.json"
        /// More about that.
        case tokenizerConfiguration = "tokenizer_config.json"
        /// How a conversation becomes text.
        case chatTemplate = "chat_template.jinja"
    }

    /// The verbatim texts that it has; config.json is always among them.
    public let texts: [Text: String]
    /// Reads the files of its kind.
    package let reader: any CheckpointReader

    /// Opens a checkpoint of whatever kind and reads its texts.
    public init(_ path: String) throws(WeightsError) { try self.init(try Self.reader(of: path)) }

    /// Opens a checkpoint by a reader of its kind.
    package init(_ reader: any CheckpointReader) throws(WeightsError) {
        self.reader = reader
        texts = try reader.texts()
    }

    /// Where it is.
    public var path: String { reader.path }
    /// Its own name, whatever path leads to it.
    public var name: String { reader.name }
    /// The text of config.json.
    public var configuration: String { texts[.configuration] ?? "" }

    /// Every tensor under its name, after a check that all files are there, are sound and agree with each other.
    package func tensors() throws(WeightsError) -> [String: any CheckpointTensor] { try reader.tensors() }

    /// Every tensor under the name, in the shape and with the numbers that a blueprint asks for, and the names that
    /// files have for those names; nil for what they can't have.
    package func tensors(
        for blueprint: Blueprint
    ) throws(WeightsError) -> (all: [String: any CheckpointTensor], fileName: (String) -> String?) {
        let stored = try tensors()
        let isRenamed = stored.keys.contains { name in
            let other = blueprint.referenceName(name)
            return other != name && !blueprint.ignores(other)
        }
        return (
            try MLXTensors.restored(stored, for: blueprint), isRenamed ? blueprint.otherName : reader.fileName(of:)
        )
    }

    /// What it computes.
    ///
    /// Throws ``WeightsError`` for a config.json that is not understood in full.
    public func blueprint() throws(WeightsError) -> Blueprint {
        do { return try Blueprint(configuration: configuration) } catch {
            throw .unsupportedModel(path: path, reason: error.description)
        }
    }

    /// How each weight of a blueprint is stored, by the weight's name.
    public func encodings(of blueprint: Blueprint) throws(WeightsError) -> [String: Encoding] {
        var encodings: [String: Encoding] = [:]
        let (tensors, fileName) = try tensors(for: blueprint)
        for (name, tensor) in try JoinedTensor.all(blueprint.weights, tensors, of: reader, fileName).tensors {
            encodings[name] = try tensor.encoding
        }
        return encodings
    }

    /// A hash that tells one checkpoint from another without reading all of it.
    public func hash() throws(WeightsError) -> UInt64 { try reader.hash() }

    /// Whether what is at a path is read as GGUF: a file by its name or its first bytes, a folder by what it has.
    public static func isGGUF(_ path: String) -> Bool { GGUFCheckpoint.isOne(at: path) }

    /// Whether a folder has files of weights, be they complete or not.
    public static func hasWeights(_ folder: String) -> Bool { (try? CheckpointFolder(folder))?.hasWeights ?? false }

    /// The reader for what is at a path.
    private static func reader(of path: String) throws(WeightsError) -> any CheckpointReader {
        if let checkpoint = try GGUFCheckpoint(at: path) { return checkpoint }
        return SafetensorsCheckpoint(try CheckpointFolder(path))
    }
}
