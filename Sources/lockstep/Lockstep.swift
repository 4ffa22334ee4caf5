import ArgumentParser
import Foundation

/// The command line.
@main
struct Lockstep: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "lockstep",
        abstract: "Runs one large language model across several machines that are not alike.",
        discussion: """
            Import a checkpoint once, look at the plan, then start one rank per machine:

              lockstep import ~/Qwen3-8B -o qwen3.h5
              lockstep plan qwen3.h5 --ranks 3 --shares 5:3:2
              mpirun -n 3 lockstep generate --model qwen3.h5 --shares 5:3:2 --prompt "Once upon a time"

            Without --model the small embedded model is used: mpirun -n 3 lockstep generate --prompt "Alice was".
            """,
        version: version,
        subcommands: [
            ImportCommand.self, ShowCommand.self, PlanCommand.self, TokenizeCommand.self, GenerateCommand.self,
            ScoreCommand.self, VerifyCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            // Every rank meets the same wrong argument: only one of them says so.
            if !isFirstOfJob, exitCode(for: error) != .success { Foundation.exit(exitCode(for: error).rawValue) }
            exit(withError: error)
        }
    }

    /// Whether this is rank 0 or no job at all, as far as can be told before MPI has started.
    private static var isFirstOfJob: Bool {
        let environment = ProcessInfo.processInfo.environment
        let rank = environment["PMIX_RANK"] ?? environment["OMPI_COMM_WORLD_RANK"] ?? "0"
        return rank == "0"
    }
}
