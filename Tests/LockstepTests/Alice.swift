import Foundation
import Launching
import Testing

/// The small model that travels with the program, as the weights file and as the checkpoint that it was made from.
enum Alice {
    /// The embedded weights file, beside the program.
    static let embedded = Launch.product("lockstep_Engine.resources/alice/model.h5")

    /// The root of the package.
    static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The checkpoint's folder.
    static let checkpoint = package.appending(path: "Tests/EngineTests/Resources/alice")

    /// How the book goes on after "Alice was", which the model knows by heart.
    static let continuation = " beginning to get very tired of sitting by her sister on the bank, and of having nothing"

    static let vocabulary = 1021
    static let context = 512

    /// A copy of the weights file.
    static func copy(to folder: TemporaryFolder, as name: String = "model.h5") throws -> String {
        try FileManager.default.copyItem(atPath: embedded, toPath: folder.path(name))
        return folder.path(name)
    }

    /// The checkpoint in a folder of its own, with the texts of `changes` in place of others.
    static func copyCheckpoint(
        to folder: TemporaryFolder, as name: String = "checkpoint", changing changes: [String: [(String, String)]] = [:]
    ) throws -> String {
        let path = folder.path(name)
        try FileManager.default.copyItem(atPath: checkpoint.path(percentEncoded: false), toPath: path)
        for (file, replacements) in changes {
            var text = try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
            for (old, new) in replacements {
                try #require(text.contains(old))
                text = text.replacingOccurrences(of: old, with: new)
            }
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(file)"))
        }
        return path
    }

    /// A weights file of the model, made as if for a context of so many tokens.
    static func model(in folder: TemporaryFolder, context: Int) throws -> String {
        let changes = ["config.json": [("\"max_position_embeddings\": 512", "\"max_position_embeddings\": \(context)")]]
        let source = try copyCheckpoint(to: folder, changing: changes)
        return try imported(source, in: folder)
    }

    /// The weights file of a checkpoint.
    static func imported(_ source: String, in folder: TemporaryFolder) throws -> String {
        let path = folder.path("imported.h5")
        let launch = try lockstep(["import", source, "-o", path])
        try #require(launch.status == 0, "\(launch.errors)")
        return path
    }
}
