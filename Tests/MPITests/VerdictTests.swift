import Foundation
import MPI
import Testing

private let hosts = ["a", "a", "b", "c"]

private func waiting(_ arrived: Int, age: Double = 61) -> RankReport {
    RankReport(state: .working, isWaiting: true, arrived: arrived, age: age)
}

private func busy(_ arrived: Int, age: Double = 61) -> RankReport {
    RankReport(state: .working, isWaiting: false, arrived: arrived, age: age)
}

private let idle = RankReport(state: .idle, isWaiting: false, arrived: 7, age: 0)
private let finished = RankReport(state: .finished, isWaiting: true, arrived: 9, age: 61)

private func judge(_ reports: [RankReport?]) -> Verdict {
    Verdict(reports: reports, hosts: hosts, deadline: 60)
}

/// The finding and the reporter of a dead job.
private func finding(_ reports: [RankReport?]) -> (text: String, reporter: Int)? {
    guard case .dead(let message, let reporter) = judge(reports) else { return nil }
    let start = "no step finished for 60 s: "
    #expect(message.hasPrefix(start))
    let parts = message.dropFirst(start.count).components(separatedBy: "; look at")
    return (parts[0], reporter)
}

@Suite struct VerdictTests {
    @Test func aJobWithAnIdleRankIsAlive() {
        #expect(judge([idle, waiting(8), waiting(8), waiting(8)]) == .alive(age: 0))
    }

    @Test func aJobWithRecentProgressAnywhereIsAsYoungAsThat() {
        #expect(judge([busy(7, age: 3), waiting(8), waiting(8), waiting(8, age: 5)]) == .alive(age: 3))
    }

    @Test func aRankThatDoesNotAnswerIsNoReasonToEndAJobThatHasJustProgressed() {
        #expect(judge([busy(7, age: 3), nil, waiting(8), waiting(8)]) == .alive(age: 3))
    }

    @Test func clocksThatAreReadALittleApartMakeNoDifference() {
        #expect(finding([busy(7, age: 59.5), waiting(8), waiting(8), waiting(8)]) != nil)
    }

    @Test func theStuckRankIsNamedWithTheCollective() {
        let found = finding([waiting(8), waiting(8), busy(7), waiting(8)])
        #expect(found?.text == "rank 2 on b is stuck before collective 8, in which the others wait")
        #expect(found?.reporter == 0)
    }

    @Test func severalStuckRanksAreNamedTogether() {
        let found = finding([busy(7), busy(7), busy(7), waiting(8)])
        #expect(found?.text == "ranks 0-2 on a and b are stuck before collective 8, in which the others wait")
        #expect(
            finding([busy(7), busy(7), busy(7), busy(7)])?.text
                == "ranks 0-3 on a, b and c are stuck outside of all collectives")
    }

    @Test func whoDoesNotAnswerIsNamedAndTheFirstWhoDoesReports() {
        let found = finding([nil, waiting(8), nil, busy(7)])
        #expect(
            found?.text == """
                ranks 0, 2 on a and b did not answer (stopped or cut off); \
                rank 3 on c is stuck before collective 8, in which the others wait
                """)
        #expect(found?.reporter == 1)
    }

    @Test func whoDoesNotAnswerIsNamedEvenWhileAnotherIsIdle() {
        #expect(
            finding([idle, nil, waiting(8), waiting(8)])?.text == "rank 1 on a did not answer (stopped or cut off)")
    }

    @Test func whoHasComeToTheEndIsNamedWhileOthersWait() {
        #expect(
            finding([waiting(8), finished, waiting(8), finished])?.text
                == "ranks 1, 3 on a and c have come to the end, the others wait in a collective")
    }

    @Test func ranksThatWaitInDifferentCollectivesAreTold() {
        #expect(
            finding([waiting(8), waiting(9), waiting(8), waiting(8)])?.text
                == "ranks 0, 2-3 on a, b and c wait in collective 8; rank 1 on a waits in collective 9")
    }
}
