import Blueprint
import FoundationEssentials

/// A Hugging Face checkpoint folder: the texts, and the tensors in one or many `.safetensors` files.
struct SafetensorsCheckpoint: CheckpointReader {
    private let folder: CheckpointFolder

    init(_ folder: CheckpointFolder) { self.folder = folder }

    var path: String { folder.path }

    var name: String {
        let resolved = URL(filePath: path).resolvingSymlinksInPath().standardizedFileURL
        return resolved.lastPathComponent
    }

    func texts() throws(WeightsError) -> [Checkpoint.Text: String] { try folder.texts() }

    func tensors() throws(WeightsError) -> [String: any CheckpointTensor] {
        let plan = try folder.parts()
        let parts = try files(plan.names)
        let entries = try Self.entries(of: parts)
        try check(plan.index, against: parts)
        guard let quantization = try quantization() else {
            return BlockScaledTensor.merged(MicroscaledTensor.merged(entries))
        }
        return try MLXTensors.merged(entries, quantization)
    }

    private func quantization() throws(WeightsError) -> Quantization? {
        let configuration = try texts()[.configuration] ?? ""
        do { return try Quantization(configuration: configuration) } catch {
            throw .unsupportedModel(path: path, reason: error.description)
        }
    }

    /// XXH64 over config.json, then for each part in order its file name, its header, and of every tensor in the order
    /// of the data the first, the middle and the last 4096 bytes.
    func hash() throws(WeightsError) -> UInt64 {
        var material = Array((try texts()[.configuration] ?? "").utf8)
        for part in try files(folder.parts().names) {
            material += Array((part.path.split(separator: "/").last ?? "").utf8) + part.header
            for tensor in part.tensors {
                for sample in Self.samples(of: tensor.byteRange) { material += try part.bytes(sample) }
            }
        }
        return XXH64.hash(material)
    }

    private func files(_ names: [String]) throws(WeightsError) -> [SafetensorsFile] {
        var files: [SafetensorsFile] = []
        for name in names { files.append(try SafetensorsFile(folder.path(name))) }
        return files
    }

    private static func samples(of range: Range<Int>) -> [Range<Int>] {
        let length = min(4096, range.count)
        let middle = range.lowerBound + (range.count - length) / 2
        return [range.lowerBound, middle, range.upperBound - length].map { $0..<$0 + length }
    }

    private static func entries(
        of parts: [SafetensorsFile]
    ) throws(WeightsError) -> [String: SafetensorsEntry] {
        var entries: [String: SafetensorsEntry] = [:]
        for part in parts {
            for tensor in part.tensors {
                let entry = SafetensorsEntry(file: part, tensor: tensor)
                if let other = entries.updateValue(entry, forKey: tensor.name) {
                    throw .malformed(
                        location: part.path, expected: "tensor '\(tensor.name)' in one part",
                        found: "it also in \(other.file.path)")
                }
            }
        }
        return entries
    }

    private func check(_ index: CheckpointIndex?, against parts: [SafetensorsFile]) throws(WeightsError) {
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
