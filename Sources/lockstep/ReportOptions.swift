import ArgumentParser
import Engine
import Foundation
import MPI
import Measure

/// What a run can tell about its ranks.
struct ReportOptions: ParsableArguments {
    @Flag(help: "Say on standard error what every rank did: computing, exchange and waiting, beside the plan.")
    var report = false

    @Option(help: ArgumentHelp("Write the same as JSON.", valueName: "file"))
    var reportJson: String?

    @Option(help: ArgumentHelp("Write a trace of all ranks on one clock, for Perfetto.", valueName: "file"))
    var trace: String?

    /// Whether ranks are to be measured.
    var isWanted: Bool { report || reportJson != nil || trace != nil }

    /// The files that were asked for, open.
    struct Files {
        var report: WrittenFile?
        var trace: WrittenFile?
    }

    /// Opens the files, so that a wrong path is met before anything is computed.
    func files() throws -> Files {
        Files(report: try reportJson.map { try WrittenFile($0) }, trace: try trace.map { try WrittenFile($0) })
    }
}

/// A file that is written once, at the end of the work.
struct WrittenFile {
    private let path: String
    private let handle: FileHandle

    /// Creates the file, or empties it.
    init(_ path: String) throws {
        self.path = path
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw InputError("\(path): expected a file that can be written, found none; give another path") }
        self.handle = handle
    }

    /// Writes all of it.
    func write(_ text: String) throws {
        do {
            try handle.write(contentsOf: Data(text.utf8))
            try handle.close()
        } catch {
            throw InputError(
                "\(path): expected to write \(text.utf8.count) bytes, found \(error.localizedDescription); "
                    + "see that its disk has room")
        }
    }
}
