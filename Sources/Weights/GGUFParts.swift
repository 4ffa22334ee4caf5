import FoundationEssentials
import Partition

/// Which files make up a GGUF checkpoint: one, or a series `…-00001-of-00003.gguf`.
enum GGUFParts {
    /// Whether a folder has any such file, and nothing that is preferred.
    static func isFolder(_ path: String) -> Bool { !candidates(inFolder: path).isEmpty }

    /// The file or files that such a folder has.
    static func names(inFolder path: String) throws(WeightsError) -> [String] {
        let found = candidates(inFolder: path)
        guard let first = found.first else { throw .absent(path: path, what: "a file", names: ["*.gguf"]) }
        let series = FileSeries(of: first, suffix: GGUFCheckpoint.suffix)?.names ?? [first]
        guard Set(found).isSubset(of: series) else {
            throw .badPath(
                path: path, expected: "a folder with one model, or the path of a file",
                found: found.prefix(5).joined(separator: ", "))
        }
        return try complete(series, folder: path)
    }

    /// The files of this kind in a folder that has nothing that is preferred.
    private static func candidates(inFolder path: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
        return names.contains(where: isPreferred) ? [] : names.filter { $0.hasSuffix(GGUFCheckpoint.suffix) }
    }

    /// Whether a file of this name is the model, or a part of it, in the form that models are trained in.
    private static func isPreferred(_ name: String) -> Bool {
        name == CheckpointIndex.name || name == "model.safetensors"
            || (name.hasSuffix(".safetensors") && name.contains("-of-"))
    }

    /// The file itself, with the others of its series.
    static func names(ofFile path: String) throws(WeightsError) -> [String] {
        let name = String(path.split(separator: "/").last ?? "")
        guard let series = FileSeries(of: name, suffix: GGUFCheckpoint.suffix) else { return [path] }
        return try complete(series.names, folder: String(path.dropLast(name.count)))
    }

    /// Refuses parts that don't belong together, as their metadata says.
    static func check(_ files: [GGUFFile]) throws(WeightsError) {
        for (number, file) in files.enumerated() {
            let metadata = file.header.metadata
            let count = metadata["split.count"] ?? .integer(files.count)
            guard count == .integer(files.count) || (files.count == 1 && count == .integer(0)) else {
                throw .malformed(
                    location: file.path, expected: "one of \(Figure.count(files.count, "part")), as its name says",
                    found: "'split.count' \(count)")
            }
            guard (metadata["split.no"] ?? .integer(number)) == .integer(number) else {
                throw .malformed(
                    location: file.path, expected: "'split.no' to be \(number), as its name says",
                    found: "\(metadata["split.no"] ?? .integer(number))")
            }
        }
        let tensorCount = files.reduce(0) { $0 + $1.header.tensors.count }
        guard let first = files.first, let stated = first.header.metadata["split.tensors.count"] else { return }
        guard stated == .integer(tensorCount) else {
            throw .malformed(
                location: first.path, expected: "'split.tensors.count' to be what all parts have together",
                found: "\(stated) for \(Figure.count(tensorCount, "tensor"))")
        }
    }

    private static func complete(_ series: [String], folder: String) throws(WeightsError) -> [String] {
        let prefix = folder.isEmpty || folder.hasSuffix("/") ? folder : "\(folder)/"
        let missing = series.filter { !FileManager.default.fileExists(atPath: prefix + $0) }
        guard missing.isEmpty else {
            let folder = folder.isEmpty ? "." : folder
            throw .absentParts(path: folder, names: missing, found: candidates(inFolder: folder))
        }
        return series.map { prefix + $0 }
    }
}
