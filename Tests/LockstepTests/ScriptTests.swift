import Foundation
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct ScriptTests {
        private static let program = ["LOCKSTEP": Launch.product("lockstep")]
        private static let script = Alice.package.appending(path: "launch/run").path(percentEncoded: false)

        @Test(arguments: [
            "launch/demo", "launch/encodings", "launch/pbs", "launch/run", "launch/scaling", "launch/setup",
            "launch/slurm", "launch/ssh", "launch/staged", "launch/test", ".ci/run", "Tests/ClusterTests/cluster",
            "Tests/ClusterTests/slurm",
        ])
        func scriptsAreSoundAndExecutable(name: String) throws {
            let path = Alice.package.appending(path: name).path(percentEncoded: false)
            let launch = try Launch.command(["bash", "-n", path])
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(FileManager.default.isExecutableFile(atPath: path))
        }

        @Test func runPrintsItsLineAndBecomesIt() throws {
            let arguments = ["generate", "--prompt", "Alice was", "--max-tokens", "8"]
            let launch = try Launch.command(
                [Self.script, "-n", "2", "--threads", "1", "--"] + arguments, environment: Self.program)
            #expect(launch.status == 0, "\(launch.errors)")
            let text = try lockstep(arguments).output
            #expect(launch.output == text)
            let line = try #require(launch.errors.split(separator: "\n").first)
            for words in [
                "mpirun -n 2 ", "--bind-to none ", "mpi_yield_when_idle 1 ", " generate --prompt Alice\\ was ",
            ] {
                #expect(line.contains(words), "\(line)")
            }
            #expect(launch.errors.contains(" on 2 ranks x 1 thread"), "\(launch.errors)")

            // The line that it prints does the same by itself.
            let again = try Launch.command(["bash", "-c", String(line)])
            #expect(again.output == text)
        }

        @Test func commandsWithoutRanksPrintOnce() throws {
            for arguments in [["plan"], ["show"], ["tokenize", "--text", "Alice"]] {
                let launch = try Launch.command(
                    [Self.script, "-n", "2", "--"] + arguments, environment: Self.program)
                #expect(launch.status == 0, "\(launch.errors)")
                #expect(launch.output == (try lockstep(arguments).output))
            }
            let launch = try Launch.command([Self.script, "-n", "2", "--", "plan", "/none"], environment: Self.program)
            #expect(launch.status == 1)
            #expect(launch.errors.occurrences(of: "lockstep: ") == 1, "\(launch.errors)")
        }

        @Test func sumsOfTwoRanksAreOneExchange() throws {
            let folder = try TemporaryFolder()
            let two = try folder.write("two", "localhost slots=1 # this one\n\nlocalhost slots=1\n")
            let three = try folder.write("three", "localhost slots=3\n")
            for (options, isDoubling) in [
                (["-n", "2"], true), (["-n", "3"], false), (["-n", "1"], false), (["--hostfile", two], true),
                (["--hostfile", three], false), (["--hostfile", three, "-n", "2"], true),
            ] {
                let launch = try Launch.command(
                    [Self.script] + options + ["--", "generate", "--prompt", "Alice", "--max-tokens", "1"],
                    environment: Self.program)
                let line = try #require(launch.errors.split(separator: "\n").first)
                #expect(line.contains("coll_tuned_allreduce_algorithm 3 ") == isDoubling, "\(line)")
            }
        }

        @Test func runHandsTheSharesOfAHostfileOn() throws {
            let folder = try TemporaryFolder()
            let hostfile = try folder.write("hosts", "localhost slots=3\n")
            try folder.write("hosts.shares", "\(Launch.host) 2\n")
            let launch = try Launch.command(
                [Self.script, "--hostfile", hostfile, "--", "generate", "--prompt", "Alice was", "--max-tokens", "4"],
                environment: Self.program)
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(launch.errors.contains(" --shares-file \(hostfile).shares"), "\(launch.errors)")
            #expect(launch.errors.contains(" on 3 ranks x "), "\(launch.errors)")
        }

        @Test func runHandsTheSharesOfAHostfileToMeasurementsToo() throws {
            let folder = try TemporaryFolder()
            let hostfile = try folder.write("hosts", "localhost slots=2\n")
            try folder.write("hosts.shares", "\(Launch.host) 2\n")
            let launch = try Launch.command(
                [
                    Self.script, "--hostfile", hostfile, "--", "bench", "--shape", "llama-tiny", "--prompt", "8",
                    "--generate", "2", "--repeat", "1", "--threads", "1",
                ], environment: Self.program)
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(launch.errors.contains(" --shares-file \(hostfile).shares"), "\(launch.errors)")
        }

        @Test(arguments: [["--cluster", "/none.json"], ["--cluster=/none.json"], ["--shares", "1:1"]])
        func whatSharesTheWorkOutOtherwiseComesBeforeAHostfilesShares(options: [String]) throws {
            let folder = try TemporaryFolder()
            let hostfile = try folder.write("hosts", "localhost slots=2\n")
            try folder.write("hosts.shares", "\(Launch.host) 2\n")
            let launch = try Launch.command(
                [Self.script, "--hostfile", hostfile, "--", "generate", "--prompt", "Alice", "--max-tokens", "1"]
                    + options, environment: Self.program)
            #expect(launch.errors.contains(" generate --prompt Alice "), "\(launch.errors)")
            #expect(!launch.errors.contains("--shares-file"), "\(launch.errors)")
        }

        @Test(arguments: [[], ["source"], ["--help"]]) func encodingsSaysHowItIsUsed(arguments: [String]) throws {
            let script = Alice.package.appending(path: "launch/encodings").path(percentEncoded: false)
            let launch = try Launch.command([script] + arguments, environment: Self.program)
            #expect(launch.status == (arguments == ["--help"] ? 0 : 64))
            let said = arguments == ["--help"] ? launch.output : launch.errors
            #expect(said.contains("launch/encodings SOURCE TEXT"), "\(said)")
        }

        @Test(
            arguments: [
                ([], "expected a command of lockstep, found none"),
                (["-n", "x", "--", "generate"], "-n, --threads: expected a number from 1 on, found 'x'"),
                (["--hostfile", "/none", "--", "generate"], "expected a file to read, found none at '/none'"),
                (["--fast", "generate"], "expected an option, found '--fast'"),
            ] as [([String], String)]) func runRefusesWhatItDoesNotUnderstand(arguments: [String], message: String)
            throws
        {
            let launch = try Launch.command([Self.script] + arguments, environment: Self.program)
            #expect(launch.status == 64)
            #expect(launch.errors.contains("launch/run: \(message)"), "\(launch.errors)")
        }

        @Test func aFailureUnderRunHasTheStatusOfTheJob() throws {
            let launch = try Launch.command(
                [Self.script, "-n", "2", "--", "generate", "--tokens", "5000"], environment: Self.program)
            #expect(launch.status == 1)
            #expect(
                launch.errors.contains("rank 0 on \(Launch.host): token 1: expected an id from 0 to 1020, found 5000"))
            #expect(launch.allProcessesAreGone())
        }
    }
}
