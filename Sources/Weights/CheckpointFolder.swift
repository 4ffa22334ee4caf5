import FoundationEssentials
import JSON

/// The files of a checkpoint folder, before they are opened.
struct CheckpointFolder {
    let path: String
    private let names: Set<String>

    private static let otherKinds = [".ggml", ".bin", ".pt", ".pth", ".npz", ".onnx", ".h5", ".msgpack"]

    init(_ path: String) throws(WeightsError) {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .unreadable(path: path, reason: "no such folder")
        }
        guard isFolder else {
            throw .badPath(
                path: path, expected: "a checkpoint folder with config.json, or a GGUF file",
                found: "another file")
        }
        do { names = Set(try FileManager.default.contentsOfDirectory(atPath: path)) } catch {
            throw .unreadable(path: path, reason: "the folder can't be listed")
        }
        let others = names.filter { name in Self.otherKinds.contains { name.hasSuffix($0) } }
        guard others.isEmpty || names.contains(where: { $0.hasSuffix(".safetensors") || $0 == CheckpointIndex.name })
        else { throw .otherWeights(path: path, names: others.sorted()) }
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    /// The texts that are there; config.json must be.
    func texts() throws(WeightsError) -> [Checkpoint.Text: String] {
        guard names.contains(Checkpoint.Text.configuration.rawValue) else {
            throw .absent(path: path, what: "the file", names: [Checkpoint.Text.configuration.rawValue])
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
        if names.contains(CheckpointIndex.name) {
            let index = try CheckpointIndex(path(CheckpointIndex.name))
            let parts = Set(index.partOfTensor.values).sorted()
            let missing = parts.filter { !names.contains($0) }
            guard missing.isEmpty else { throw .absent(path: path, what: "the parts", names: missing) }
            return (parts, index)
        }
        let found = names.filter { $0.hasSuffix(".safetensors") }.sorted()
        guard !found.isEmpty else {
            throw .absent(path: path, what: "the file", names: ["model.safetensors"])
        }
        let missing = Self.missingSiblings(of: found)
        guard missing.isEmpty else { throw .absent(path: path, what: "the parts", names: missing) }
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
