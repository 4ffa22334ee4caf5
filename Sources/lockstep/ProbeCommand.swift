import ArgumentParser
import Foundation
import MPI
import Measure

/// What machines can do, into a file that plans are made from.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Measure what each machine and the network between them can do.",
        discussion: """
            Alone or under mpirun. All ranks measure at once, with the threads that will run a model: how fast they \
            read memory, multiply, attend and exchange vectors. It takes about half a minute; let nothing else run. \
            The file is JSON that a person can read and change.

              mpirun -n 3 lockstep probe -o cluster.json
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "file"))
    var output: String

    @Option(help: "Threads of each rank. Default: the cores of its host, divided among the host's ranks.")
    var threads: Int?

    @Flag(help: "Measure less, in some seconds for each rank, with rough figures: to see whether all works.")
    var quick = false

    @Option(help: "Seconds without a sign of progress after which the job ends and says which rank is missing.")
    var deadline: Double = 60

    @OptionGroup var slow: SlowOptions

    func validate() throws {
        try RunOptions.check(threads: threads, deadline: deadline)
    }

    func run() throws {
        Job.run(deadline: deadline) { world in
            try world.together { if world.rank == 0 { try checkDestination() } }
            let probe = Probe(threads: threads, isQuick: quick, slowdown: try slow.slowdown(on: world))
            let bar = ProgressBar("probe")
            let outcome = try probe.run(on: world, version: Lockstep.version) { done, total, next in
                if world.rank == 0 { bar.show(done, of: total, note: next) }
            }
            guard world.rank == 0 else { return }
            bar.finish()
            try write(outcome.profile.json)
            for warning in outcome.warnings { Output.remark("warning: \(warning)") }
            try Output.product(outcome.profile.text)
        }
    }

    /// Before anything is measured, which would be in vain.
    private func checkDestination() throws {
        let folder = URL(fileURLWithPath: output).deletingLastPathComponent().path(percentEncoded: false)
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: output, isDirectory: &isFolder)
        if output.isEmpty || exists && isFolder.boolValue {
            throw InputError("--output: expected the path of a file, found '\(output)'; give another path")
        }
        guard FileManager.default.isWritableFile(atPath: folder) else {
            throw InputError("\(output): expected a folder that can be written, found none; give another path")
        }
    }

    /// At once: nobody finds half a file.
    private func write(_ json: Data) throws {
        do {
            try json.write(to: URL(fileURLWithPath: output), options: .atomic)
        } catch {
            throw InputError(
                "\(output): expected to write \(json.count) bytes, found '\(error.localizedDescription)'; "
                    + "see that the disk has room")
        }
    }
}
