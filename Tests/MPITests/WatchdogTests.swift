import Foundation
import Launching
import Testing

/// Runs a scenario that hangs, and expects the watchdogs to end it with one message that holds `finding`.
///
/// - Parameter statuses: what `mpirun` may end with.
private func expectHang(
    _ scenario: String, ranks: Int, statuses: Set<Int32> = [1], _ finding: (String) -> String
) throws {
    let launch = try Launch.mpirun(ranks: ranks, "MPIProbe", [scenario, "2"], limit: 30)
    let message = "lockstep: no step finished for 2 s: \(finding(Launch.host)); look at"
    #expect(launch.errors.contains(message), "\(launch.errors)")
    #expect(launch.errors.components(separatedBy: "lockstep:").count == 2, "\(launch.errors)")
    #expect(statuses.contains(launch.status), "\(launch.status)")
    #expect(launch.processes.count == ranks)
    #expect(launch.allProcessesAreGone())
}

extension JobTests {
    @Suite(.serialized) struct WatchdogTests {
        @Test(arguments: [2, 3, 5]) func aStoppedRankIsNamed(ranks: Int) throws {
            // The signal with which mpirun ends a process that is stopped may reach it before the status of the others.
            try expectHang("stop", ranks: ranks, statuses: [1, SIGKILL]) {
                "rank 1 on \($0) did not answer (stopped or cut off)"
            }
        }

        @Test(arguments: [2, 3, 5]) func aRankInAnEndlessLoopIsNamedWithTheCollectiveItNeverCameTo(ranks: Int) throws {
            // The communicator itself takes part in one before the program's nine steps.
            try expectHang("loop", ranks: ranks) {
                "rank 1 on \($0) is stuck before collective 11, in which the others wait"
            }
        }

        @Test func messagesBetweenTwoRanksAreNoMeetingOfAll() throws {
            try expectHang("messages-and-loop", ranks: 3) {
                "rank 1 on \($0) is stuck before collective 11, in which the others wait"
            }
        }

        @Test func aRankThatReturnsTooEarlyIsNamed() throws {
            try expectHang("return", ranks: 3) {
                "rank 1 on \($0) has come to the end, the others wait in a collective"
            }
        }

        @Test func ranksThatWaitForDifferentThingsAreTold() throws {
            try expectHang("missing", ranks: 3) { _ in
                "all ranks wait for each other (a message was lost, or they wait in different collectives)"
            }
        }

        @Test(arguments: [2, 4]) func aJobThatWaitsForARequestLongerThanTheDeadlineGoesOn(ranks: Int) throws {
            let launch = try Launch.mpirun(ranks: ranks, "MPIProbe", ["idle", "1"], limit: 30)
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(launch.output.components(separatedBy: "passed").count == ranks + 1)
        }

        @Test func aRankThatIsStoppedWhileTheJobWaitsForARequestIsNamed() throws {
            try expectHang("stop-while-idle", ranks: 3) { "rank 1 on \($0) did not answer (stopped or cut off)" }
        }
    }
}
