import FoundationEssentials
import Glibc
import JSON

/// The files of a checkpoint folder, before they are opened.
struct CheckpointFolder {
    let path: String
    private let names: Set<String>

    private static let otherKinds = [".ggml", ".bin", ".pt", ".pth", ".npz", ".onnx", ".h5", ".msgpack"]

    init(_ path: String) throws(WeightsError) {
        if let error = Self.errorUnlessFolder(path) { throw error }
        do { names = Set(try FileManager.default.contentsOfDirectory(atPath: path)) } catch {
            throw .unreadable(path: path, reason: "the folder can't be listed")
        }
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let others = names.filter { name in Self.otherKinds.contains { name.hasSuffix($0) } }
        guard others.isEmpty || hasWeights || names.contains(CheckpointIndex.name) else {
            throw .otherWeights(path: path, names: others.sorted())
        }
    }

    /// Whether there are files of weights that are read.
    var hasWeights: Bool { !weightFiles.isEmpty }

    private var weightFiles: [String] { names.filter { $0.hasSuffix(".safetensors") }.sorted() }

    /// What is said of a path that leads to no folder; nil of one that does.
    private static func errorUnlessFolder(_ path: String) -> WeightsError? {
        func error(_ found: String, _ advice: String) -> WeightsError {
            .notCheckpoint(path: path, found: found, advice: advice)
        }
        switch PathKind(of: path) {
        case .folder: return nil
        case nil:
            let reason = errno == ENOENT ? "nothing" : "'\(SystemMessage.latest)'"
            return error(reason, "check the path and its permissions")
        case .special: return error("a device or a pipe", "give another path")
        case .file where InputFile.isHDF5(path):
            return error("an HDF5 file", "if it is a weights file, it is imported already: give another path")
        case .file:
            let name = path.split(separator: "/").last.map(String.init) ?? path
            let isPart = name.hasSuffix(".safetensors") || Checkpoint.Text(rawValue: name) != nil
            guard isPart || name == CheckpointIndex.name else { return error("another file", "give another path") }
            let folder = path.dropLast(name.count)
            return error("one file of such a folder", "give the folder, \(folder.isEmpty ? "." : folder)")
        }
    }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    /// The texts that are there; config.json must be.
    func texts() throws(WeightsError) -> [Checkpoint.Text: String] {
        guard names.contains(Checkpoint.Text.configuration.rawValue) else {
            throw .notCheckpoint(
                path: path, found: "a folder without config.json",
                advice: "give another path, or download the whole checkpoint")
        }
        var texts: [Checkpoint.Text: String] = [:]
        for text in Checkpoint.Text.allCases where names.contains(text.rawValue) {
            texts[text] = try InputFile.text(path(text.rawValue))
        }
        // The separate file wins where both are there, as it does in the reference library.
        if texts[.chatTemplate] == nil, let configuration = texts[.tokenizerConfiguration] {
            texts[.chatTemplate] = try chatTemplate(in: configuration)
        }
        return texts
    }

    /// The names of the parts to open, and the index where one decides.
    func parts() throws(WeightsError) -> (names: [String], index: CheckpointIndex?) {
        if names.contains("model.safetensors") { return (["model.safetensors"], nil) }
        let found = weightFiles
        if names.contains(CheckpointIndex.name) {
            let index = try CheckpointIndex(path(CheckpointIndex.name))
            let parts = Set(index.partOfTensor.values).sorted()
            let missing = parts.filter { !names.contains($0) }
            guard missing.isEmpty else { throw .absentParts(path: path, names: missing, found: found) }
            return (parts, index)
        }
        guard !found.isEmpty else {
            throw .absent(path: path, what: "the file", names: ["model.safetensors"])
        }
        let missing = Self.missingSiblings(of: found)
        guard missing.isEmpty else { throw .absentParts(path: path, names: missing, found: found) }
        return (found, nil)
    }

    /// The names that a numbered series lacks: `…-00001-of-00003.safetensors` announces two more.
    private static func missingSiblings(of found: [String]) -> [String] {
        let series = found.flatMap { FileSeries(of: $0, suffix: ".safetensors")?.names ?? [] }
        return Set(series).subtracting(found).sorted()
    }

    /// The template in tokenizer_config.json: a text, or a list of named ones of which 'default' is meant.
    private func chatTemplate(in configuration: String) throws(WeightsError) -> String? {
        let location = path(Checkpoint.Text.tokenizerConfiguration.rawValue)
        let value = try JSONValue(configuration, at: location)
        switch value["chat_template"] {
        case nil, .null: return nil
        case .string(let template): return template
        case .array(let templates):
            let named = templates.first { $0["name"]?.text == "default" } ?? (templates.count == 1 ? templates[0] : nil)
            if let template = named?["template"]?.text { return template }
            throw .malformed(
                location: location, expected: "a chat template named 'default'",
                found: "\(templates.map { $0["name"]?.text ?? "one without a name" })")
        case .boolean, .number, .object:
            throw .malformed(
                location: location, expected: "'chat_template' to be a text or a list", found: "another value")
        }
    }
}
