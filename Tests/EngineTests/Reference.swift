import Foundation
import Weights

/// The reference checkpoints that travel with these tests.
enum Reference {
    private static let folder = Bundle.module.bundleURL.appendingPathComponent("Resources/reference")

    /// The names of the checkpoints.
    static let names: [String] = {
        let found = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (found ?? []).sorted()
    }()

    /// A folder with a weights file and the reference's outputs for each checkpoint, made once.
    static func importedFolder() throws -> String { try imported.get() }

    private static let imported = Result { () throws -> String in
        let target = FileManager.default.temporaryDirectory.appendingPathComponent("reference-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        atexitRemove(target)
        for name in names {
            let source = folder.appendingPathComponent(name)
            _ = try Importer.run(
                source: source.path, destination: "\(target.path)/\(name).h5", encoding: .keep, programVersion: "test")
            try FileManager.default.copyItem(
                at: source.appendingPathComponent("golden.safetensors"),
                to: target.appendingPathComponent("\(name).safetensors"))
        }
        return target.path
    }

    nonisolated(unsafe) private static var toRemove: [URL] = []

    private static func atexitRemove(_ url: URL) {
        toRemove.append(url)
        atexit { for url in Reference.toRemove { try? FileManager.default.removeItem(at: url) } }
    }
}
