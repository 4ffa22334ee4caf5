import Foundation
import Launching

/// Hosts of their own names, networks and limits on this machine; gone when this is, or its process.
final class Cluster {
    private static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let script = path("Tests/ClusterTests/cluster")

    /// What keeps this machine from making clusters; nil if it can.
    static let obstacle: String? = {
        guard let check = try? Launch.command([script, "check"]) else { return "the script does not start" }
        let text = check.output.trimmingCharacters(in: .newlines)
        return check.status == 0 && text.isEmpty ? nil : text.isEmpty ? check.errors : text
    }()

    /// What keeps this machine from running Slurm; nil if it can.
    static let slurmObstacle: String? = ["slurmctld", "slurmd", "munged", "srun"].first { program in
        ["/usr/bin", "/usr/sbin"].allSatisfy { !FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
    }.map { "\($0) is not installed" }

    /// The folder of the cluster, which all hosts see; tests may write into it.
    let folder: String
    private let process = Process()
    private let input = Pipe()

    enum Failure: Error {
        case notMade
        case notDisturbed(command: [String], status: Int32)
    }

    /// Makes a cluster; `options` are those of the script.
    init(hosts: Int = 3, _ options: [String] = []) throws {
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: Self.script)
        // The script ends with its command, and this with its input: when the test ends, or its whole process.
        process.arguments =
            ["with", "--hosts", "\(hosts)"] + options + ["--", "sh", "-c", "echo $CLUSTER; cat >/dev/null"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try output.fileHandleForWriting.close()
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failure.notMade }
            line += data
        }
        folder = String(decoding: line.dropLast(), as: UTF8.self)
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    static func path(_ name: String) -> String { package.appending(path: name).path(percentEncoded: false) }

    /// The variables by which scripts find the cluster and the program.
    private var environment: [String: String] { ["CLUSTER": folder, "LOCKSTEP": Launch.product("lockstep")] }

    /// Runs a command of the script on this cluster, such as `link host2 down`.
    @discardableResult
    func command(_ arguments: [String], limit: Int = 60) throws -> Launch {
        try Launch.command([Self.script] + arguments, environment: environment, limit: limit)
    }

    /// Runs a command of the script while a launch is under way.
    func disturb(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.script)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure.notDisturbed(command: arguments, status: process.terminationStatus)
        }
    }

    /// Runs lockstep on the first `hosts` hosts, as a user on host1 does.
    func run(
        hosts: Int = 3, _ arguments: [String], options: [String] = [], limit: Int = 60,
        whileRunning body: (RunningLaunch) throws -> Void = { _ in }
    ) throws -> Launch {
        let hostfile = try write("hosts-\(hosts)", (1...hosts).map { "host\($0) slots=1\n" }.joined())
        return try Launch.command(
            [Self.script, "on", "host1", Self.path("launch/run"), "--hostfile", hostfile, "--threads", "1"] + options
                + ["--"] + arguments,
            environment: environment, limit: limit, whileRunning: body)
    }

    /// Writes a file that all hosts see; returns its path.
    func write(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        return "\(folder)/\(name)"
    }

    /// Whether within twenty seconds nothing of a job runs any more on a host.
    func isIdle(_ host: String) throws -> Bool {
        for _ in 0..<100 {
            let lines = try command(["processes", host]).output.split(separator: "\n")
            if !lines.contains(where: { $0.hasSuffix(" lockstep") || $0.hasSuffix(" orted") }) { return true }
            usleep(200_000)
        }
        return false
    }

    /// Starts Slurm on all hosts.
    func startSlurm() throws -> Launch {
        try Launch.command([Self.path("Tests/ClusterTests/slurm")], environment: environment)
    }

    /// Runs a command of Slurm on host1, in the folder of the package.
    func slurm(
        _ command: [String], variables: [String] = [], limit: Int = 60,
        whileRunning body: (RunningLaunch) throws -> Void = { _ in }
    ) throws -> Launch {
        let script = "cd \"$0\" && exec \"$@\""
        return try Launch.command(
            [Self.script, "on", "host1", "env", "SLURM_CONF=\(folder)/slurm/slurm.conf"] + variables
                + ["sh", "-c", script, Self.path(".")] + command,
            environment: environment, limit: limit, whileRunning: body)
    }
}
