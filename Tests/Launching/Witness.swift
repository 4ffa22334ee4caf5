import Foundation

/// Another program that reads HDF5, as an independent witness.
package enum Witness {
    /// Whether h5dump is installed.
    package static let hasDump = which("h5dump") != nil
    /// Whether python3 has h5py.
    package static let hasPython = (try? run("python3", ["-c", "import h5py, numpy"])).map { $0.status == 0 } ?? false

    /// What a run of it came to.
    package struct Outcome {
        package let status: Int32
        package let output: String
    }

    /// Runs a program of `PATH` to its end.
    package static func run(_ program: String, _ arguments: [String]) throws -> Outcome {
        guard let executable = which(program) else { return Outcome(status: 127, output: "no \(program)") }
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
    }

    private static func which(_ program: String) -> URL? {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        return folders.map { URL(filePath: String($0)).appending(path: program) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path(percentEncoded: false)) }
    }
}
