import FoundationEssentials

/// A Hugging Face checkpoint folder: the texts, and the tensors in one or many `.safetensors` files.
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

    /// One tensor and the part that holds it.
    public struct Entry {
        /// The part.
        public let part: SafetensorsFile
        /// The tensor.
        public let tensor: SafetensorsTensor
    }

    /// The folder.
    public let path: String
    /// The verbatim texts that the folder has; config.json is always among them.
    public let texts: [Text: String]
    /// The `.safetensors` files, in the order of their names.
    public let parts: [SafetensorsFile]
    /// Every tensor under its name.
    public let entries: [String: Entry]

    /// Opens a folder and checks that its parts are all there, are sound and agree with each other.
    public init(_ path: String) throws(WeightsError) {
        let folder = try CheckpointFolder(path)
        self.path = folder.path
        texts = try folder.texts()
        let plan = try folder.parts()
        var parts: [SafetensorsFile] = []
        for name in plan.names { parts.append(try SafetensorsFile(folder.path(name))) }
        entries = try Self.entries(of: parts)
        try Self.check(plan.index, against: parts, folder: folder)
        self.parts = parts
    }

    /// The folder's own name, whatever path leads to it.
    public var name: String {
        let resolved = URL(filePath: path).resolvingSymlinksInPath().standardizedFileURL
        return resolved.lastPathComponent
    }

    /// The text of config.json.
    public var configuration: String { texts[.configuration] ?? "" }

    /// A hash that tells one checkpoint from another without reading all of it.
    ///
    /// XXH64 over config.json, then for each part in order its file name, its header, and of every tensor in the order
    /// of the data the first, the middle and the last 4096 bytes.
    public func hash() throws(WeightsError) -> UInt64 {
        var material = Array(configuration.utf8)
        for part in parts {
            material += Array((part.path.split(separator: "/").last ?? "").utf8) + part.header
            for tensor in part.tensors {
                for sample in Self.samples(of: tensor.byteRange) { material += try part.bytes(sample) }
            }
        }
        return XXH64.hash(material)
    }

    private static func samples(of range: Range<Int>) -> [Range<Int>] {
        let length = min(4096, range.count)
        let middle = range.lowerBound + (range.count - length) / 2
        return [range.lowerBound, middle, range.upperBound - length].map { $0..<$0 + length }
    }

    private static func entries(of parts: [SafetensorsFile]) throws(WeightsError) -> [String: Entry] {
        var entries: [String: Entry] = [:]
        for part in parts {
            for tensor in part.tensors {
                if let other = entries.updateValue(Entry(part: part, tensor: tensor), forKey: tensor.name) {
                    throw .malformed(
                        location: part.path, expected: "tensor '\(tensor.name)' in one part",
                        found: "it also in \(other.part.path)")
                }
            }
        }
        return entries
    }

    private static func check(
        _ index: CheckpointIndex?, against parts: [SafetensorsFile], folder: CheckpointFolder
    ) throws(WeightsError) {
        guard let index else { return }
        for part in parts {
            let name = String(part.path.split(separator: "/").last ?? "")
            let listed = Set(index.partOfTensor.filter { $0.value == name }.keys)
            let found = Set(part.tensors.map(\.name))
            let missing = listed.subtracting(found).sorted()
            guard missing.isEmpty else {
                throw .absent(path: part.path, what: "the tensors that \(CheckpointIndex.name) lists:", names: missing)
            }
            if let extra = found.subtracting(listed).min() {
                throw .malformed(
                    location: part.path, expected: "only tensors that \(CheckpointIndex.name) lists for it",
                    found: "also '\(extra)'")
            }
        }
    }
}
