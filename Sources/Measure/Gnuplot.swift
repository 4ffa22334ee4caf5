import Foundation

/// The program that draws the plots.
enum Gnuplot {
    /// Draws pictures.
    ///
    /// - Returns: an SVG element for each, without a name or a reference that another's could be taken for.
    /// - Throws: ``MeasureError`` where gnuplot is missing or complains.
    static func draw(_ plots: [Plot]) throws(MeasureError) -> [String] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-plots-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            // Relative names need no escaping.
            let script = plots.enumerated().map { $1.script(output: "\($0).svg") }.joined(separator: "\n")
            try Data(script.utf8).write(to: folder.appending(path: "plots.gnuplot"))
            let status = try run(in: folder)
            let messages = (try? String(contentsOf: folder.appending(path: "messages"), encoding: .utf8)) ?? ""
            guard status == 0 else { throw MeasureError.noPlots(found: found(status, messages)) }
            return try plots.indices.map { index in
                let text = try String(contentsOf: folder.appending(path: "\(index).svg"), encoding: .utf8)
                return try element(text, number: index, title: plots[index].title)
            }
        } catch let error as MeasureError {
            throw error
        } catch {
            throw .noPlots(found: "'\(error.localizedDescription)'")
        }
    }

    private static func run(in folder: URL) throws -> Int32 {
        let messages = folder.appending(path: "messages")
        try Data().write(to: messages)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gnuplot", "plots.gnuplot"]
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: messages)
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    private static func found(_ status: Int32, _ messages: String) -> String {
        // The status by which env says that there is no such program.
        guard status != 127 else { return "no such program" }
        let lines = messages.split(whereSeparator: \.isNewline).joined(separator: " ")
        return "status \(status): '\(lines)'"
    }

    /// The element of an SVG file. Every file names its marks alike, so that a page of several needs other names.
    private static func element(_ file: String, number: Int, title: String) throws(MeasureError) -> String {
        guard let start = file.range(of: "<svg"), file.contains("</svg>") else {
            throw .noPlots(found: "a picture that is no SVG")
        }
        return String(file[start.lowerBound...])
            .replacing(/\bid=['"]|href=['"]#|url\(['"]?#/) { "\($0.0)plot\(number)-" }
            .replacing("<title>Gnuplot</title>", with: "<title>\(Page.escaped(title))</title>")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
