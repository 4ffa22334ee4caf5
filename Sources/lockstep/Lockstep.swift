import ArgumentParser
import Foundation

/// A command that concerns no ranks: where a job starts it many times, the first process alone runs it.
protocol SoloCommand: ParsableCommand {}

/// The command line.
@main
struct Lockstep: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "lockstep",
        abstract: "Runs one large language model across several machines that are not alike.",
        discussion: """
            Import a checkpoint, look at the plan, start one rank per machine:

              lockstep import ~/my-model -o model.h5
              lockstep plan model.h5 --ranks 3 --shares 5:3:2
              mpirun -n 3 lockstep generate --model model.h5 --shares 5:3:2 \\
                --prompt "Once upon a time"

            launch/run builds a mpirun line that works on laptops, as root, and
            with more ranks than cores. Without --model the small embedded model
            is used: launch/run -n 3 -- generate --prompt "Alice was"
            """,
        version: version,
        subcommands: [
            ImportCommand.self, ShowCommand.self, PlanCommand.self, TokenizeCommand.self, GenerateCommand.self,
            ScoreCommand.self, VerifyCommand.self, BenchCommand.self, ProbeCommand.self, ScalingCommand.self,
        ])

    static func main() {
        let command = parsed()
        if command is any SoloCommand, let rank = rankOfJob, rank > 0 { Foundation.exit(ExitCode.success.rawValue) }
        do {
            var command = command
            try command.run()
        } catch {
            let code = exitCode(for: error)
            waitForFirstOfJob(code)
            if code == .failure, !(error is ExitCode) {
                Output.line("lockstep: \(error)")
                exit(withError: code)
            }
            exit(withError: error)
        }
    }

    /// The command that the arguments say; wrong arguments end the program.
    private static func parsed() -> any ParsableCommand {
        do {
            return try parseAsRoot()
        } catch {
            waitForFirstOfJob(exitCode(for: error))
            exit(withError: error)
        }
    }

    /// Every rank meets the same wrong argument, and only rank 0 says so: it ends the job while the others wait.
    ///
    /// Had they left at once, the job might be over before rank 0 came to speak. Where rank 0 has other arguments,
    /// which are right, one of the others has to speak after all.
    private static func waitForFirstOfJob(_ code: ExitCode) {
        guard let rank = rankOfJob, rank > 0 else { return }
        if code == .success { Foundation.exit(code.rawValue) }
        Thread.sleep(forTimeInterval: 1.5 + 0.25 * Double(min(rank, 10)))
    }

    /// This process's rank as far as it can be told before MPI has started; nil where there is no job.
    private static var rankOfJob: Int? {
        let environment = ProcessInfo.processInfo.environment
        return (environment["PMIX_RANK"] ?? environment["OMPI_COMM_WORLD_RANK"]).flatMap { Int($0) }
    }
}
