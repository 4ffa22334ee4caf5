import Blueprint
import FoundationEssentials

/// A GGUF file, or several that are parts of one: config.json and the tokenizer's texts are made of its metadata.
struct GGUFCheckpoint: CheckpointReader {
    let path: String
    private let files: [GGUFFile]
    private let model: GGUFModel

    static let suffix = ".gguf"

    /// Opens the file at a path, or the one in a folder that has no model in `.safetensors`; nil where there is none.
    init?(at path: String) throws(WeightsError) {
        guard let kind = PathKind(of: path), Self.isOne(at: path) else { return nil }
        try self.init(path, files: kind == .folder ? GGUFParts.names(inFolder: path) : GGUFParts.names(ofFile: path))
    }

    /// Whether what is at a path is read as one: a file by its name or its first bytes, a folder by what it has.
    static func isOne(at path: String) -> Bool {
        if PathKind(of: path) == .folder { return GGUFParts.isFolder(path) }
        return path.hasSuffix(suffix) || GGUFFile.isOne(path)
    }

    private init(_ path: String, files paths: [String]) throws(WeightsError) {
        var files: [GGUFFile] = []
        for path in paths { files.append(try GGUFFile(path)) }
        try GGUFParts.check(files)
        self.path = path
        self.files = files
        model = try Self.model(of: files)
    }

    var name: String { URL(filePath: path).resolvingSymlinksInPath().standardizedFileURL.lastPathComponent }

    private var metadata: [String: GGUFValue] { files[0].header.metadata }

    func texts() throws(WeightsError) -> [Checkpoint.Text: String] {
        let tokenizer = try GGUFTokenizer(GGUFTokenizerFields(metadata, path: files[0].path))
        var texts = try tokenizer?.texts() ?? [:]
        texts[.configuration] = model.configuration
        return texts
    }

    func tensors() throws(WeightsError) -> [String: any CheckpointTensor] {
        var places: [String: (file: GGUFFile, tensor: GGUFHeader.Tensor)] = [:]
        for file in files { for tensor in file.header.tensors { places[tensor.name] = (file, tensor) } }
        var tensors: [String: any CheckpointTensor] = [:]
        for (name, source) in model.sources {
            guard let place = places[source.name] else { continue }
            tensors[name] = try GGUFTensor(place.tensor, of: place.file, as: source)
        }
        return tensors
    }

    /// How to sample is said in no metadata.
    var possibleTexts: [Checkpoint.Text] { Checkpoint.Text.allCases.filter { $0 != .generation } }

    var configurationName: String { "its metadata" }

    func fileName(of tensor: String) -> String? { model.fileName(of: tensor) }

    /// XXH64 over each file's header, and of every tensor in the order of the data the first, the middle and the last
    /// 4096 bytes.
    func hash() throws(WeightsError) -> UInt64 {
        var material: [UInt8] = []
        for file in files {
            material += try file.bytes(0..<file.header.byteCount)
            for tensor in file.header.tensors {
                let (range, length) = (tensor.byteRange, min(4096, tensor.byteRange.count))
                let middle = range.lowerBound + (range.count - length) / 2
                for start in [range.lowerBound, middle, range.upperBound - length] {
                    material += try file.bytes(start..<start + length)
                }
            }
        }
        return XXH64.hash(material)
    }

    private static func model(of files: [GGUFFile]) throws(WeightsError) -> GGUFModel {
        var shapes: [String: [Int]] = [:]
        var vectors: [String: [Float]] = [:]
        for file in files {
            for tensor in file.header.tensors {
                guard shapes.updateValue(tensor.shape, forKey: tensor.name) == nil else {
                    throw .malformed(
                        location: file.path, expected: "tensor '\(tensor.name)' in one part", found: "it in several")
                }
                if GGUFModel.vectorNames.contains(tensor.name) {
                    vectors[tensor.name] = try numbers(tensor, of: file)
                }
            }
        }
        // The lists of tokens and merges are no part of the model.
        let metadata = files[0].header.metadata.filter { entry in
            if case .array = entry.value { !entry.key.hasPrefix("tokenizer.") } else { true }
        }
        do {
            return try GGUFModel(
                metadata: metadata.mapValues(\.configurationValue), shapes: shapes, vectors: vectors)
        } catch {
            throw .unsupportedModel(path: files[0].path, reason: "metadata: \(error.reason)")
        }
    }

    /// The elements of a vector.
    private static func numbers(_ tensor: GGUFHeader.Tensor, of file: GGUFFile) throws(WeightsError) -> [Float] {
        guard tensor.elementType == .float32, tensor.shape.count == 1 else {
            throw .unreadElements(
                location: "\(file.path): '\(tensor.name)'", known: "a vector of F32",
                found: "\(tensor.elementType.rawValue) \(tensor.shape)")
        }
        let bytes = try file.bytes(tensor.byteRange)
        return stride(from: 0, to: bytes.count, by: 4).map { start in
            Float(bitPattern: bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        }
    }
}
