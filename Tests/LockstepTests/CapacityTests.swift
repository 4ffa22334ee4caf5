import Foundation
import Launching
import Testing

extension LockstepTests {
    /// Jobs that the model is too small for, or the machines.
    @Suite(.serialized) struct CapacityTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        @Test func moreRanksThanTheModelHasWorkForAreRefusedWithTheNumberThatWorks() throws {
            let model = try TinyModel(vocabulary: 3, mlpWidth: 2).imported(in: folder)
            let arguments = ["generate", "--model", model, "--tokens", "1", "--max-tokens", "2"]
            let launch = try Launch.mpirun(ranks: 5, "lockstep", arguments, limit: 20)
            expectFailure(
                launch,
                "lockstep: ranks 0-4 on \(Launch.host): rank 3: expected at least one unit of some axis, "
                    + "found none for its share 1 (the longest axis, vocabulary, has 3); "
                    + "use 3 ranks or a larger share\n"
            )
            // What it says does work.
            #expect(try Launch.mpirun(ranks: 3, "lockstep", arguments, limit: 20).status == 0)
        }

        @Test func aShareTooSmallForAnyWorkIsRefused() throws {
            let launch = try Launch.mpirun(
                ranks: 3, "lockstep", ["generate", "--prompt", "a", "--shares", "1000000:1:1"], limit: 20)
            expectFailure(
                launch,
                "lockstep: ranks 0-2 on \(Launch.host): rank 1: expected at least one unit of some axis, "
                    + "found none for its share 1 (the longest axis, vocabulary, has 1021); "
                    + "use 1 rank or a larger share\n")
        }

        @Test func aContextLongerThanTheModelsIsRefusedWithTheLongest() throws {
            let launch = try Launch.mpirun(
                ranks: 3, "lockstep", ["generate", "--prompt", "a", "--context", "513"], limit: 20)
            expectFailure(
                launch,
                "lockstep: ranks 0-2 on \(Launch.host): context: expected from 1 to 512 tokens, "
                    + "for which the model was made, found 513; use --context 512\n")
        }

        /// 64 layers of 1024 keys and values in float32 for 2^24 tokens: a cache of 8.8 TB.
        @Test(arguments: [1, 3]) func whatDoesNotFitTheMemoryIsRefusedWithFiguresAndAContextThatFits(ranks: Int) throws
        {
            let context = 1 << 24
            let model = try TinyModel(headSize: 512, layers: 64, context: context).imported(in: folder)
            let run = ["--model", model, "--context", "\(context)"]
            let launch = try lockstep(ranks: ranks, ["generate", "--tokens", "1"] + run, limit: 20)
            let ranksNamed = ranks == 1 ? "lockstep: " : "lockstep: ranks 0-2 on \(Launch.host): "
            expectFailure(launch, "\(ranksNamed)rank 0: expected to fit in ")
            let plan: PlanFigures = try decoded(
                ["plan", model, "--ranks", "\(ranks)", "--context", "\(context)", "--json"])
            let first = try #require(plan.ranks.first)
            let line = try #require(launch.errors.split(separator: "\n").first { $0.hasPrefix("lockstep: ") })
            let needed = terabytes(first.peakByteCount)
            let cache = terabytes(first.cacheByteCount)
            #expect(line.contains(", found \(needed) to hold, "), "\(line)")
            #expect(line.contains(", cache \(cache), buffers "), "\(line)")
            let advice = try #require(line.firstRange(of: "; use --context "))
            let nearest = try #require(Int(line[advice.upperBound...].prefix { $0.isNumber }))
            #expect(nearest > 0 && nearest < context)
            #expect(
                try lockstep(["plan", model, "--ranks", "\(ranks)", "--context", "\(nearest)"]).status == 0)
        }

        /// A cache of 168 MB on each of two ranks, where the second may take some 130 MB more than it has at its start.
        private func limited(_ model: String, _ arguments: [String]) throws -> Launch {
            let run = ["generate", "--model", model, "--context", "\(1 << 19)", "--threads", "1"] + arguments
            let limit = "ulimit -d 300000; exec \"$0\" \"$@\""
            let program = Launch.product("lockstep")
            return try Launch.mpirun([
                Launch.Part(ranks: 1, program: program, run),
                Launch.Part(ranks: 1, program: "/bin/sh", ["-c", limit, program] + run),
            ])
        }

        @Test func aJobWhoseEqualSharesDoNotFitMovesToSharesThatFollowMemoryAndSaysSoOnce() throws {
            let model = try Alice.model(in: folder, context: 1 << 19)
            let launch = try limited(model, ["--prompt", "Alice was", "--max-tokens", "12"])
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(!launch.output.isEmpty && Alice.continuation.hasPrefix(launch.output.dropLast()))
            #expect(launch.errors.occurrences(of: "shares follow memory (") == 1, "\(launch.errors)")
            #expect(launch.errors.contains("because with equal shares rank 1 would hold "))
        }

        @Test func sharesGivenByHandThatDoNotFitAreRefusedWithThoseThatDo() throws {
            let model = try Alice.model(in: folder, context: 1 << 19)
            let launch = try limited(model, ["--prompt", "a", "--max-tokens", "2", "--shares", "1:1"])
            expectFailure(launch, "lockstep: ranks 0-1 on \(Launch.host): rank 1: expected to fit in ")
            let advice = try #require(launch.errors.firstMatch(of: /use --context [0-9]+ or --shares ([0-9:]+)/))
            let fitting = try limited(model, ["--prompt", "a", "--max-tokens", "2", "--shares", "\(advice.1)"])
            #expect(fitting.status == 0 && !fitting.errors.contains("shares follow memory"), "\(fitting.errors)")
        }

        private func terabytes(_ byteCount: Int) -> String {
            let value = Double(byteCount) / 1e12
            return String(format: value >= 100 ? "%.0f TB" : value >= 10 ? "%.1f TB" : "%.2f TB", value)
        }
    }
}
