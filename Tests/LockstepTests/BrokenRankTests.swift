import Foundation
import Launching
import Testing

extension LockstepTests {
    /// Ranks that fail while all work: killed, stopped, or with an error of their own.
    @Suite(.serialized) struct BrokenRankTests {
        private let folder: TemporaryFolder
        /// A generation that no machine finishes in the time of a test.
        private let endless: [String]

        init() throws {
            folder = try TemporaryFolder()
            let model = try Alice.model(in: folder, context: 400_000)
            endless = [
                "generate", "--model", model, "--context", "400000", "--max-tokens", "399000", "--ignore-eos",
                "--prompt", "Alice was", "--deadline", "2",
            ]
        }

        /// Sends a signal to one rank of three while they generate; how long the job lived on.
        private func disturb(with signal: Int32, rank: Int) throws -> (launch: Launch, seconds: Double) {
            var start = ContinuousClock.now
            let part = Launch.Part(ranks: 3, program: Launch.product("lockstep"), endless)
            let launch = try Launch.mpirun([part], limit: 60) { job in
                #expect(job.waitForOutput())
                start = .now
                #expect(job.signal(signal, rank: rank))
            }
            return (launch, (ContinuousClock.now - start) / .seconds(1))
        }

        @Test(arguments: [0, 2]) func aKilledRankEndsTheJobAndIsNamedWithItsHost(rank: Int) throws {
            let (launch, seconds) = try disturb(with: SIGKILL, rank: rank)
            let text = launch.errors.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(text.occurrences(of: "process rank \(rank) with PID") == 1, "\(launch.errors)")
            #expect(text.contains("on node \(Launch.host) exited on signal 9 (Killed)"), "\(launch.errors)")
            #expect(!text.contains("lockstep: "), "\(launch.errors)")
            #expect(launch.status == 137)
            #expect(seconds < 5)
            #expect(launch.allProcessesAreGone())
        }

        @Test(arguments: [0, 1]) func aStoppedRankIsNamedAfterTheDeadline(rank: Int) throws {
            let (launch, seconds) = try disturb(with: SIGSTOP, rank: rank)
            let message =
                "lockstep: no step finished for 2 s: rank \(rank) on \(Launch.host) did not answer "
                + "(stopped or cut off); look at those processes, at the load of their hosts and at the network, "
                + "then start again; a longer --deadline allows slower steps\n"
            #expect(launch.errors.occurrences(of: message) == 1, "\(launch.errors)")
            #expect(launch.errors.occurrences(of: "lockstep: ") == 1, "\(launch.errors)")
            #expect(launch.status == 1)
            // The deadline, the time to answer, and the time that mpirun gives a stopped rank to end.
            #expect(seconds < 2 + 3 + 10)
            #expect(launch.allProcessesAreGone())
        }

        @Test func aJobThatIsEndedFromOutsideLeavesNoProcess() throws {
            let launch = try Launch.mpirun(ranks: 3, "lockstep", endless, limit: 3)
            #expect(launch.status == 124)
            #expect(!launch.output.isEmpty)
            #expect(launch.allProcessesAreGone())
        }

        @Test(arguments: 0..<3) func anErrorOnOneRankIsToldOnceWithRankAndHost(rank: Int) throws {
            let program = Launch.product("lockstep")
            let arguments = ["generate", "--prompt", "Alice was"]
            let parts = (0..<3).map { index in
                Launch.Part(
                    ranks: 1, program: program, arguments,
                    environment: index == rank ? ["LOCKSTEP_ISA": "abacus"] : [:])
            }
            let launch = try Launch.mpirun(parts, limit: 20)
            expectFailure(launch, "lockstep: rank \(rank) on \(Launch.host): ")
            #expect(launch.errors.contains("'abacus'"), "\(launch.errors)")
        }

        @Test func anErrorOnAllRanksIsToldOnce() throws {
            let part = Launch.Part(
                ranks: 3, program: Launch.product("lockstep"), ["generate", "--prompt", "Alice was"],
                environment: ["LOCKSTEP_ISA": "abacus"])
            expectFailure(try Launch.mpirun([part], limit: 20), "lockstep: ranks 0-2 on \(Launch.host): ")
        }
    }
}
