import Foundation
import Launching
import Testing

/// Runs a scenario that must fail on all ranks, with the watchdog's deadline at two seconds.
private func fail(_ scenario: String, ranks: Int) throws -> (launch: Launch, host: String) {
    let launch = try Launch.mpirun(ranks: ranks, "MPIProbe", [scenario, "2"], limit: 30)
    #expect(launch.status != 0)
    #expect(launch.status != 124 && launch.status != 137 || scenario == "kill", "the job ran into the time limit")
    #expect(launch.processes.count == ranks)
    #expect(launch.allProcessesAreGone())
    return (launch, Launch.host)
}

/// How often `text` stands in `whole`.
private func occurrences(of text: String, in whole: String) -> Int {
    whole.components(separatedBy: text).count - 1
}

extension JobTests {
    @Suite(.serialized) struct FailureTests {
        @Test(arguments: [2, 3, 5]) func aMismatchNamesWhoDiffersWithBothValues(ranks: Int) throws {
            let (launch, host) = try fail("mismatch", ranks: ranks)
            let same = ranks == 2 ? "rank 0 on \(host) has" : "ranks 0-\(ranks - 2) on \(host) have"
            let message = """
                lockstep: model hash: expected the same on all ranks, found that \(same) 'cafe', \
                rank \(ranks - 1) on \(host) has 'beef'; copy the model again

                """
            #expect(occurrences(of: message, in: launch.errors) == 1, "\(launch.errors)")
            #expect(occurrences(of: "lockstep:", in: launch.errors) == 1)
        }

        @Test(arguments: [2, 3, 5]) func whatFailsOnOneRankIsReportedOnceWithRankAndHost(ranks: Int) throws {
            let (launch, host) = try fail("together-one", ranks: ranks)
            let message = "lockstep: rank 1 on \(host): model.h5: no such file\n"
            #expect(occurrences(of: message, in: launch.errors) == 1, "\(launch.errors)")
            #expect(occurrences(of: "lockstep:", in: launch.errors) == 1)
        }

        @Test(arguments: [3, 4]) func whatFailsOnSeveralRanksIsReportedOnceForEachMessage(ranks: Int) throws {
            let (launch, host) = try fail("together-all", ranks: ranks)
            let first = "lockstep: rank 0 on \(host): model.h5: no such file\n"
            let others = "lockstep: ranks 1-\(ranks - 1) on \(host): model.h5: cut short\n"
            #expect(launch.errors.contains(first + others), "\(launch.errors)")
            #expect(occurrences(of: "lockstep:", in: launch.errors) == 2)
        }

        @Test func whatAllRanksKnowAlreadyIsNotReportedAgain() throws {
            let (launch, host) = try fail("together-nested", ranks: 3)
            let message = "lockstep: ranks 0-2 on \(host): model.h5: no such file\n"
            #expect(occurrences(of: message, in: launch.errors) == 1, "\(launch.errors)")
        }

        @Test func aJobOfOneRankReportsAnErrorAsItIs() throws {
            let launch = try Launch.alone("MPIProbe", ["together-all", "2"], limit: 30)
            #expect(launch.status == 1)
            #expect(launch.errors.contains("lockstep: model.h5: no such file\n"), "\(launch.errors)")
        }

        @Test(arguments: [2, 3, 5, 7]) func anErrorOnOneRankEndsTheJobWithItsMessageOnce(ranks: Int) throws {
            let (launch, host) = try fail("throw", ranks: ranks)
            let message = "lockstep: rank 1 on \(host): out of luck\n"
            #expect(occurrences(of: message, in: launch.errors) == 1, "\(launch.errors)")
            #expect(occurrences(of: "lockstep:", in: launch.errors) == 1)
            #expect(!launch.output.contains("passed"))
        }

        @Test func whatTheLibraryRefusesIsReportedWithFunctionAndReason() throws {
            let (launch, host) = try fail("cut-short", ranks: 2)
            let message =
                "lockstep: rank 1 on \(host): MPI_Bcast: expected success, found 'MPI_ERR_TRUNCATE: message truncated';"
            #expect(occurrences(of: message, in: launch.errors) == 1, "\(launch.errors)")
        }

        @Test func theGreatestStatusOfAllRanksIsTheJobs() throws {
            #expect(try fail("status", ranks: 3).launch.status == 5)
        }

        @Test(arguments: [2, 3]) func aKilledRankEndsTheJobAndIsNamed(ranks: Int) throws {
            let (launch, host) = try fail("kill", ranks: ranks)
            #expect(launch.status == 137)
            let text = launch.errors.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(text.contains("process rank 1 with PID"), "\(launch.errors)")
            #expect(text.contains("on node \(host) exited on signal 9"), "\(launch.errors)")
            #expect(!text.contains("lockstep:"), "\(launch.errors)")
        }

        @Test func aRankThatExitsWithoutAnEndEndsTheJob() throws {
            #expect(try fail("exit", ranks: 3).launch.status == 7)
        }

        @Test func aJobThatRunsIntoTheTimeLimitIsEndedWithAllItsProcesses() throws {
            let launch = try Launch.mpirun(ranks: 2, "MPIProbe", ["loop", "1000"], limit: 3)
            #expect(launch.status == 124)
            #expect(launch.processes.count == 2)
            #expect(launch.allProcessesAreGone())
        }
    }
}
