import Foundation
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct ReportTests {
        private struct Report: Decodable {
            struct Count: Decodable {
                var planned: Double
                var counted: Double
            }

            struct Rank: Decodable {
                var rank: Int
                var host: String
                var threads: Int
                var seconds: [String: Double]
                var waitSeconds: Double
                var cpuSeconds: Double
            }

            struct Activity: Decodable {
                var secondsPerForward: Double
                var ranks: [Rank]
                var sharesCores: Bool
                var imbalance: Double
                var slowestRank: Int
                var criticalPathSeconds: Double?
                var messages: Count
                var bytes: Count
            }

            struct Memory: Decodable {
                var rank: Int
                var host: String
                var plannedByteCount: Int
                var heldByteCount: Int
            }

            var prompt: Activity
            var decoding: Activity
            var memory: [Memory]
        }

        private struct Trace: Decodable {
            struct Event: Decodable {
                struct Arguments: Decodable {
                    var layer: Int?
                }

                var ph: String
                var name: String
                var cat: String?
                var pid: Int
                var ts: Double?
                var dur: Double?
                var args: Arguments?

                var start: Double { ts ?? 0 }
                var end: Double { start + (dur ?? 0) }
            }

            var traceEvents: [Event]
        }

        private static let prompt = ["generate", "--prompt", "Alice was", "--max-tokens", "6", "--threads", "1"]

        private func run(ranks: Int, _ options: [String]) throws -> Launch {
            let launch = try lockstep(ranks: ranks, Self.prompt + options)
            try #require(launch.status == 0, "\(launch.errors)")
            return launch
        }

        @Test(arguments: [(1, []), (2, []), (3, []), (3, ["--exact"]), (3, ["--wire", "q8"])] as [(Int, [String])])
        func countsAreThePlansAndPhasesAddUp(ranks: Int, options: [String]) throws {
            let folder = try TemporaryFolder()
            let launch = try run(
                ranks: ranks, options + ["--report", "--report-json", folder.path("report.json")])
            #expect(launch.output == " beginning to get very ti\n")
            #expect(launch.errors.occurrences(of: "\ndecoding: ") == 1, "\(launch.errors)")
            let plan: PlanFigures = try decoded(["plan", "--ranks", "\(ranks)", "--json"] + options)
            let data = try Data(contentsOf: URL(fileURLWithPath: folder.path("report.json")))
            let report = try JSONDecoder().decode(Report.self, from: data)
            for activity in [report.prompt, report.decoding] {
                #expect(activity.messages.planned == activity.messages.counted)
                #expect(activity.bytes.planned == activity.bytes.counted)
                #expect(activity.ranks.map(\.rank) == Array(0..<ranks))
                #expect(activity.imbalance >= 1 && activity.slowestRank < ranks)
                #expect((activity.criticalPathSeconds != nil) == activity.sharesCores)
                for rank in activity.ranks {
                    #expect(rank.cpuSeconds > 0 && rank.waitSeconds >= 0 && rank.seconds.count == 5)
                    #expect(rank.seconds.values.allSatisfy { $0 >= 0 })
                    // What nobody waits for is the same on all ranks.
                    #expect(rank.seconds["communication"] == activity.ranks[0].seconds["communication"])
                }
                let sum = activity.ranks[0].seconds.values.reduce(activity.ranks[0].waitSeconds, +)
                #expect(abs(sum / activity.secondsPerForward - 1) < 1e-9)
            }
            #expect(report.decoding.messages.planned == Double(plan.decodedToken.collectives))
            #expect(report.decoding.bytes.planned == Double(plan.decodedToken.byteCount))
            #expect(report.memory.map(\.rank) == Array(0..<ranks))
            #expect(report.memory.map(\.host) == report.decoding.ranks.map(\.host))
            for memory in report.memory { #expect(memory.heldByteCount > memory.plannedByteCount) }
            #expect(launch.errors.occurrences(of: "\nmost memory: ") == 1, "\(launch.errors)")
        }

        @Test(arguments: [1, 2, 3]) func aTraceHoldsEveryStepOfEveryRankOnOneClock(ranks: Int) throws {
            let folder = try TemporaryFolder()
            _ = try run(ranks: ranks, ["--trace", folder.path("trace.json")])
            let data = try Data(contentsOf: URL(fileURLWithPath: folder.path("trace.json")))
            let events = try JSONDecoder().decode(Trace.self, from: data).traceEvents
            #expect(Set(events.map(\.pid)) == Set(0..<ranks))
            #expect(events.filter { $0.ph == "M" }.map(\.name) == Array(repeating: "process_name", count: ranks))
            let complete = (0..<ranks).map { rank in events.filter { $0.ph == "X" && $0.pid == rank } }
            let plan: PlanFigures = try decoded(["plan", "--ranks", "\(ranks)", "--json"])
            for own in complete {
                #expect(own.count { $0.cat == "step" } == 6)
                #expect(own.count { $0.cat == "mixer" } == 6 * 10 && own.count { $0.cat == "head" } == 6)
                #expect(Set(own.filter { $0.cat == "mixer" }.map { $0.args?.layer }) == Set(0..<5))
                #expect(own.map(\.start) == own.map(\.start).sorted())
                expectNesting(own)
            }
            let collectives = complete.map { $0.filter { $0.cat == "collective" } }
            // The prompt's step has a message more, its tokens; after either part comes the order to stop.
            let planned = ranks == 1 ? 0 : 6 * plan.decodedToken.collectives + 1
            for own in collectives { #expect((planned...planned + 2).contains(own.count)) }
            // They are numerous and alike on all ranks, and nobody leaves one before the last has come.
            for index in collectives[0].indices {
                let alike = collectives.map { $0[index] }
                #expect(Set(alike.map(\.name)).count == 1 && Set(alike.map { $0.args?.layer }).count == 1)
                guard alike[0].name == "MPI_Allreduce" else { continue }
                // A microsecond for rounding.
                #expect(alike.map(\.start).max() ?? 0 <= (alike.map(\.end).min() ?? 0) + 1)
            }
        }

        /// Events that began earlier contain a later one or are over.
        private func expectNesting(_ events: [Trace.Event]) {
            var open: [Trace.Event] = []
            for event in events {
                while let last = open.last, last.end <= event.start + 0.002 { open.removeLast() }
                if let last = open.last { #expect(event.end <= last.end + 0.002, "\(event) \(last)") }
                open.append(event)
            }
        }

        @Test(arguments: ["--trace", "--report-json"])
        func aFileThatCannotBeWrittenIsRefusedFirst(option: String) throws {
            let launch = try lockstep(ranks: 2, Self.prompt + [option, "/no-such-folder/out.json"])
            expectFailure(launch, "/no-such-folder/out.json: expected a file that can be written, found none")
            #expect(!launch.errors.contains("loading"))
        }
    }
}
