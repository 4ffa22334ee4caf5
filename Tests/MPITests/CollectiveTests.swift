import Launching
import Testing

/// Everything that starts processes, one after the other.
@Suite(.serialized, .enabled(if: Launch.isPossible, Comment(rawValue: Launch.reasonToSkip)))
struct JobTests {}

private let rankCounts = [1, 2, 3, 4, 5, 7]

/// Runs a scenario in which every rank compares what it gets with what it computes from the number of ranks.
private func expectAllPass(_ scenario: String, ranks: Int) throws {
    let launch = try Launch.mpirun(ranks: ranks, "MPIProbe", [scenario, "30"])
    #expect(launch.status == 0, "\(launch.errors)")
    for rank in 0..<ranks {
        #expect(launch.output.contains("rank \(rank) of \(ranks) passed\n"))
    }
}

extension JobTests {
    @Suite(.serialized) struct CollectiveTests {
        @Test(arguments: rankCounts) func everyRankGetsWhatTheRootBroadcasts(ranks: Int) throws {
            try expectAllPass("broadcast", ranks: ranks)
        }

        @Test(arguments: rankCounts) func aPatientBroadcastGivesTheSameAndLeavesTheProcessorAlone(ranks: Int) throws {
            try expectAllPass("patience", ranks: ranks)
        }

        @Test(arguments: rankCounts) func noRankLeavesAPatientBarrierBeforeTheLastHasCome(ranks: Int) throws {
            try expectAllPass("patient-barrier", ranks: ranks)
        }

        @Test(arguments: [2, 3, 5]) func ranksThatHaveComeToTheEndLeaveTheProcessorToTheLast(ranks: Int) throws {
            try expectAllPass("late", ranks: ranks)
        }

        @Test(arguments: rankCounts) func aReductionOfAnyLengthHoldsAllRanksValues(ranks: Int) throws {
            try expectAllPass("reduce", ranks: ranks)
        }

        @Test(arguments: rankCounts) func sumsInSharedMemoryAddInRankOrderWhoeverComesLate(ranks: Int) throws {
            try expectAllPass("shared-sums", ranks: ranks)
        }

        @Test(arguments: [(2, "unlike-sums"), (3, "unlike-sums"), (2, "unlike-long-sums")])
        func sumsOfUnlikeLengthsAreRefused(ranks: Int, name: String) throws {
            let launch = try Launch.mpirun(ranks: ranks, "MPIProbe", [name, "30"])
            #expect(launch.status == 1 && launch.errors.contains("MPI_Allreduce"), "\(launch.errors)")
        }

        @Test(arguments: rankCounts) func unevenAndEmptyPartsAreGatheredInRankOrder(ranks: Int) throws {
            try expectAllPass("gather", ranks: ranks)
        }

        @Test(arguments: rankCounts) func everyRankGetsThePartThatEachHasForIt(ranks: Int) throws {
            try expectAllPass("exchange", ranks: ranks)
        }

        @Test(arguments: rankCounts) func aReductionIsScatteredInUnevenAndEmptyParts(ranks: Int) throws {
            try expectAllPass("scatter", ranks: ranks)
        }

        @Test(arguments: rankCounts) func everyRankGetsTheMessagesOfEveryOther(ranks: Int) throws {
            try expectAllPass("messages", ranks: ranks)
        }

        @Test(arguments: [1, 2, 3]) func aMessageLongerThanItsPlaceIsRefused(ranks: Int) throws {
            try expectAllPass("long-message", ranks: ranks)
        }

        @Test(arguments: rankCounts) func groupsOfRanksWorkByThemselves(ranks: Int) throws {
            try expectAllPass("groups", ranks: ranks)
        }

        @Test(arguments: [1, 2, 3, 5]) func theMemoryOfAHostIsDividedByShareAndAllRanksAgreeOnIt(ranks: Int) throws {
            try expectAllPass("memory", ranks: ranks)
        }

        @Test(arguments: [2, 3, 5, 7]) func allRanksHoldTheSameBitsAfterASumOfAwkwardFloats(ranks: Int) throws {
            try expectAllPass("bits", ranks: ranks)
        }

        @Test(arguments: rankCounts) func trafficCountsTheWholeResultOfEveryCollective(ranks: Int) throws {
            try expectAllPass("traffic", ranks: ranks)
        }

        @Test(arguments: rankCounts) func everyNumberTypeIsSentAndComparedAsItself(ranks: Int) throws {
            try expectAllPass("types", ranks: ranks)
        }

        @Test(arguments: [2, 3]) func partsThatAreTooLongAreRefused(ranks: Int) throws {
            try expectAllPass("too-long", ranks: ranks)
        }

        @Test(arguments: rankCounts) func ranksThatAgreeGoOn(ranks: Int) throws {
            try expectAllPass("agreement", ranks: ranks)
        }

        @Test func aProgramWithoutMpirunIsAJobOfOneRank() throws {
            for scenario in ["broadcast", "reduce", "gather", "scatter", "traffic", "agreement"] {
                let launch = try Launch.alone("MPIProbe", [scenario, "30"])
                #expect(launch.status == 0, "\(launch.errors)")
                #expect(launch.output.contains("rank 0 of 1 passed\n"))
            }
        }
    }
}
