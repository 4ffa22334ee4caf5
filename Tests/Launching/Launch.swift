import Foundation

/// A program that was run, under `mpirun` or by itself, and what came of it.
///
/// One launch at a time on this machine: a rank waits by spinning, and several jobs at once would starve each other.
package struct Launch {
    /// Some ranks of a job that run the same command.
    package struct Part {
        /// How many.
        package var ranks: Int
        /// The path of the program.
        package var program: String
        /// What the program is told.
        package var arguments: [String]
        /// Variables that these ranks get besides those of this process.
        package var environment: [String: String]

        package init(ranks: Int, program: String, _ arguments: [String], environment: [String: String] = [:]) {
            self.ranks = ranks
            self.program = program
            self.arguments = arguments
            self.environment = environment
        }
    }

    /// The status of the command; 124 or 137 if it ran into the time limit.
    package let status: Int32
    /// What it wrote to standard output.
    package let output: String
    /// What it wrote to standard error.
    package let errors: String
    /// How long it ran.
    package let seconds: Double
    let marker: String

    /// Whether `mpirun` can be started at all; tests are skipped with `reasonToSkip` if not.
    package static let isPossible = mpirun != nil && timeout != nil
    package static let reasonToSkip = "mpirun (package openmpi-bin) or timeout (package coreutils) is not installed"

    private static let mpirun = find("mpirun")
    private static let timeout = find("timeout")

    /// Runs the product `executable` of this package on `ranks` ranks of this machine, for `limit` seconds at the most.
    package static func mpirun(
        ranks: Int, _ executable: String, _ arguments: [String], limit: Int = 60
    ) throws -> Launch {
        try mpirun([Part(ranks: ranks, program: product(executable), arguments)], limit: limit)
    }

    /// Runs one job of several parts, ranks in their order; `body` may look at it and disturb it meanwhile.
    package static func mpirun(
        _ parts: [Part], limit: Int = 60, whileRunning body: (RunningLaunch) throws -> Void = { _ in }
    ) throws -> Launch {
        let options = [
            "--oversubscribe", "--allow-run-as-root", "--bind-to", "none",
            "--mca", "mpi_yield_when_idle", "1", "--mca", "btl_vader_single_copy_mechanism", "none",
        ]
        let commands = parts.map { part in
            ["-n", "\(part.ranks)"] + part.environment.sorted { $0.key < $1.key }.flatMap { ["-x", "\($0)=\($1)"] }
                + [part.program] + part.arguments
        }
        return try run(
            [mpirun ?? "mpirun"] + options + Array(commands.joined(separator: [":"])), limit: limit, whileRunning: body)
    }

    /// Runs the product `executable` by itself, without `mpirun`.
    package static func alone(_ executable: String, _ arguments: [String], limit: Int = 60) throws -> Launch {
        try run([product(executable)] + arguments, limit: limit)
    }

    /// Runs any command, with variables besides those of this process; `body` may disturb it meanwhile.
    package static func command(
        _ command: [String], environment: [String: String] = [:], limit: Int = 60,
        whileRunning body: (RunningLaunch) throws -> Void = { _ in }
    ) throws -> Launch {
        try run(command, environment: environment, limit: limit, whileRunning: body)
    }

    /// This host as Open MPI names it: without its domain.
    package static let host = ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init) ?? ""

    /// The executable stands beside the test program.
    package static func product(_ name: String) -> String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent(name).path
    }

    private static func run(
        _ command: [String], environment: [String: String] = [:], limit: Int,
        whileRunning body: (RunningLaunch) throws -> Void = { _ in }
    ) throws -> Launch {
        let marker = UUID().uuidString
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("launch-\(marker)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("output")
        let errors = folder.appendingPathComponent("errors")
        for file in [output, errors] { try Data().write(to: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: timeout ?? "timeout")
        // Asked to end, mpirun ends its ranks as well, even stopped ones; only then is its process group killed.
        process.arguments = ["--kill-after=10", "\(limit)"] + command
        process.environment = ProcessInfo.processInfo.environment
            .merging(environment) { $1 }.merging([RunningLaunch.variable: marker]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        var seconds = 0.0
        try withTurn {
            let start = ContinuousClock.now
            try withAllSignals { try process.run() }
            // Whatever `body` finds, the job has ended when the next one starts.
            defer {
                process.waitUntilExit()
                seconds = (ContinuousClock.now - start) / .seconds(1)
            }
            try body(RunningLaunch(output: output, marker: marker))
        }
        return Launch(
            status: process.terminationStatus,
            output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self), seconds: seconds, marker: marker)
    }

    /// Waits until no other launch is under way, in this or any other test program of the same user.
    private static func withTurn(_ body: () throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("lockstep-tests-\(getuid()).lock").path
        let file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(file) }
        flock(file, LOCK_EX)
        try body()
    }

    /// Test threads block signals; a program started from one would inherit that, and could not be asked to end.
    private static func withAllSignals(_ body: () throws -> Void) rethrows {
        var none = sigset_t()
        var previous = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        try body()
    }

    private static func find(_ name: String) -> String? {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}

extension Launch {
    /// The numbers that the processes of the job told, after `process` in the output.
    package var processes: [Int32] {
        output.split(separator: "\n").filter { $0.hasPrefix("process ") }.compactMap { Int32($0.dropFirst(8)) }
    }

    /// Whether all processes of the launch end within five seconds; ends those that do not.
    package func allProcessesAreGone() -> Bool {
        for _ in 0..<50 {
            if RunningLaunch.processes(marker).isEmpty { return true }
            usleep(100_000)
        }
        for process in RunningLaunch.processes(marker) { kill(process, SIGKILL) }
        return false
    }
}
