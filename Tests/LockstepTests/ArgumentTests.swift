import Foundation
import Launching
import Testing

extension LockstepTests {
    /// Arguments that are wrong on every rank: one says so, before MPI starts.
    @Suite(.serialized) struct ArgumentTests {
        static let prompt = ["generate", "--prompt", "Alice"]
        private static let mostThreads = max(64, 16 * ProcessInfo.processInfo.activeProcessorCount)
        private static let rounded = ["import", "folder", "-o", "model.h5", "--encoding"]

        static let wrong: [(arguments: [String], message: String)] = [
            (["generate"], "expected one of --prompt, --prompt-file and --tokens, found none"),
            (prompt + ["--tokens", "1"], "expected one of --prompt, --prompt-file and --tokens, found 2"),
            (["generate", "--tokens", "1,,2"], "The value '1,,2' is invalid for '--tokens <1,2,3>'"),
            (["generate", "--tokens", ""], "The value '' is invalid for '--tokens <1,2,3>'"),
            (prompt + ["--max-tokens", "0"], "--max-tokens: expected at least 1, found 0"),
            (
                prompt + ["--temperature=-1"],
                "--temperature: expected 0 for the best token, or at least 0.0001, found -1.0"
            ),
            (prompt + ["--temperature", "warm"], "The value 'warm' is invalid for '--temperature <temperature>'"),
            (prompt + ["--top-k=-1"], "--top-k: expected 0 or more, found -1"),
            (prompt + ["--top-p", "0"], "--top-p: expected more than 0 and at most 1, found 0.0"),
            (prompt + ["--min-p", "1.5"], "--min-p: expected 0 to 1, found 1.5"),
            (prompt + ["--repetition-penalty", "0"], "--repetition-penalty: expected more than 0, found 0.0"),
            (prompt + ["--context", "0"], "--context: expected at least 1, found 0"),
            (prompt + ["--chunk", "0"], "--chunk: expected at least 1, found 0"),
            (prompt + ["--threads", "0"], "--threads: expected at least 1, found 0"),
            (prompt + ["--deadline", "0"], "--deadline: expected 0.1 seconds to 1e9, found 0.0"),
            (prompt + ["--deadline", "inf"], "--deadline: expected 0.1 seconds to 1e9, found inf"),
            (prompt + ["--math", "sloppy"], "The value 'sloppy' is invalid for '--math <math>'"),
            (prompt + ["--exact", "--math", "fast"], "--math: expected precise with --exact, found fast"),
            (prompt + ["--split", "odd"], "The value 'odd' is invalid for '--split <split>'"),
            (prompt + ["--wire", "fp4"], "The value 'fp4' is invalid for '--wire <wire>'"),
            (prompt + ["--wire", "bf16", "--exact"], "--wire, --exact: expected f32, with which alone"),
            (prompt + ["--shares", "0:1:1"], "The value '0:1:1' is invalid for '--shares <5:3:2>'"),
            (prompt + ["--shares", "5:x:2"], "The value '5:x:2' is invalid for '--shares <5:3:2>'"),
            (prompt + ["--shares", "1:1:1", "--shares-file", "f"], "--shares, --shares-file: expected one of them"),
            (prompt + ["--colour", "red"], "Unknown option '--colour'"),
            (["score"], "expected one of --text-file, --tokens, --tokens-file and --reference, found none"),
            (["score", "--tokens", "1,2", "--top", "5000"], "--top: expected 0 to 1024, found 5000"),
            (
                ["verify", "--prompt", "a", "--tokens", "1"],
                "--prompt, --tokens, --reference: expected one at most, found more"
            ),
            (["verify", "--tolerance=-1"], "--tolerance: expected 0 or more, found -1.0"),
            (["translate"], "Unexpected argument 'translate'"),
            (
                prompt + ["--threads", "\(mostThreads + 1)"],
                "--threads: expected at most \(mostThreads), as this host has "
            ),
            (prompt + ["--deadline", "1e300"], "--deadline: expected 0.1 seconds to 1e9, found 1e+300"),
            (rounded + ["q3"], "The value 'q3' is invalid for '--encoding <encoding>'"),
            (rounded + ["q4", "--group", "16"], "--group: expected 32, 64 or 128, found 16"),
            (rounded + ["bf16", "--group", "32"], "--group: expected an encoding in groups, q4 or q8, found bf16"),
            (rounded + ["f32", "--offsets"], "--offsets: expected an encoding in groups, q4 or q8, found f32"),
            (["plan", "--scales", "f16"], "--scales: expected an encoding in groups, q4 or q8, found none"),
        ]

        @Test(arguments: wrong) func wrongArgumentsAreToldWithTheUsage(arguments: [String], message: String) throws {
            let launch = try lockstep(arguments, limit: 20)
            expectFailure(launch, status: 64, message)
            #expect(launch.errors.contains("Usage: lockstep"))
        }

        /// One of each kind: values of the wrong form or out of range, options that exclude each other, unknown words.
        @Test(arguments: [0, 4, 8, 11, 18, 20, 21, 26]) func aJobTellsWrongArgumentsOnceBeforeItsRanksMeet(
            index: Int
        ) throws {
            let launch = try Launch.mpirun(ranks: 3, "lockstep", Self.wrong[index].arguments, limit: 20)
            expectFailure(launch, status: 64, Self.wrong[index].message)
            #expect(launch.errors.occurrences(of: "Usage: lockstep") == 1)
            // A rank that had started MPI would have to abort it.
            #expect(!launch.errors.contains("MPI_ABORT"), "\(launch.errors)")
        }

        @Test func wrongArgumentsOnOneRankOnlyEndTheJob() throws {
            let program = Launch.product("lockstep")
            let launch = try Launch.mpirun(
                [
                    .init(ranks: 2, program: program, Self.prompt),
                    .init(ranks: 1, program: program, Self.prompt + ["--top-k=-1"]),
                ], limit: 20)
            expectFailure(launch, status: 64, "--top-k: expected 0 or more, found -1")
        }

        @Test func helpAndVersionArePrintedOnceByAJob() throws {
            for argument in ["--help", "--version"] {
                let alone = try lockstep([argument])
                let together = try Launch.mpirun(ranks: 3, "lockstep", [argument], limit: 20)
                #expect(together.status == 0)
                #expect(together.output == alone.output)
            }
        }
    }
}
