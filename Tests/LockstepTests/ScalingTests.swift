import Foundation
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct ScalingTests {
        private static let script = Alice.package.appending(path: "launch/scaling").path(percentEncoded: false)
        private static let tiny = ["--threads", "1", "--prompt", "8", "--generate", "4", "--repeat", "1"]
        private static let hasGnuplot = (try? Witness.run("gnuplot", ["--version"]))?.status == 0

        private func sweep(_ folder: String, _ options: [String], limit: Int = 240) throws -> Launch {
            try Launch.command(
                [Self.script, "embedded", "--output", folder] + options + Self.tiny,
                environment: ["LOCKSTEP": Launch.product("lockstep")], limit: limit)
        }

        private func names(_ folder: String) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        }

        private struct Run: Decodable {
            struct Test: Decodable {
                struct Spread: Decodable { var median: Double }
                var name: String
                var tokensPerSecond: Spread
            }
            var tests: [Test]
        }

        @Test func aSweepIsWholeAndIsNotMeasuredAgain() throws {
            let folder = try TemporaryFolder().path("")
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let options = ["--ranks", "1,2,3", "--shares", "5:3:2", "--no-page"]
            let first = try sweep(folder, options)
            #expect(first.status == 0, "\(first.errors)")
            let runs = ["ranks-1-equal", "ranks-2-equal", "ranks-3-equal", "ranks-3-shares-5:3:2"]
            let files = runs.flatMap { ["\($0).json", "\($0).log"] } + ["scaling.csv", "scaling.json", "settings"]
            #expect(try names(folder) == files.sorted())
            let lines = try String(contentsOfFile: folder + "/scaling.csv", encoding: .utf8)
                .components(separatedBy: "\r\n").dropLast()
            #expect(lines.count == 1 + 2 * runs.count)
            for name in runs {
                let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name).json"))
                for test in try JSONDecoder().decode(Run.self, from: data).tests {
                    #expect(lines.contains { $0.contains(",\(test.name),\(test.tokensPerSecond.median),") })
                }
            }

            // Only what is missing or cut short is measured again.
            try Data("{".utf8).write(to: URL(fileURLWithPath: "\(folder)/ranks-1-equal.json"))
            let again = try sweep(folder, options)
            #expect(again.status == 0, "\(again.errors)")
            #expect(again.errors.occurrences(of: " is there\n") == 3 && again.errors.occurrences(of: " ...\n") == 1)

            // More rounds are added to those that are there.
            let second = try sweep(folder, options + ["--rounds", "2"])
            #expect(second.status == 0, "\(second.errors)")
            #expect(second.errors.occurrences(of: " is there\n") == 4 && second.errors.occurrences(of: " ...\n") == 4)
            #expect(second.errors.contains("ranks-2-equal-round-2 (6 of 8) ...\n"))
            let rows = try String(contentsOfFile: folder + "/scaling.csv", encoding: .utf8)
                .components(separatedBy: "\r\n").dropFirst().dropLast()
            #expect(rows.count == 2 * runs.count)
            #expect(rows.allSatisfy { $0.contains(",2,prompt of 8,") || $0.contains(",2,decoding,") })
            let other = try sweep(folder, options + ["--chunk", "7"])
            #expect(other.status == 64 && other.errors.contains("runs of the same settings"), "\(other.errors)")
        }

        @Test func aRunThatFailsIsRecordedAndTheOthersGoOn() throws {
            let folder = try TemporaryFolder().path("")
            defer { try? FileManager.default.removeItem(atPath: folder) }
            // Wholly unlike shares leave the second rank nothing.
            let launch = try sweep(folder, ["--ranks", "2,1", "--shares", "1e9:1", "--no-page"])
            #expect(launch.status == 1, "\(launch.errors)")
            let message = try String(contentsOfFile: "\(folder)/ranks-2-shares-1e9:1.error", encoding: .utf8)
            #expect(message.contains("expected at least one unit"), "\(message)")
            let table = try String(contentsOfFile: "\(folder)/scaling.csv", encoding: .utf8)
            #expect(table.contains("expected at least one unit") && table.contains("embedded model,1,equal,"))
        }

        @Test func optionsThatBenchRefusesEndTheSweepAtTheFirstRun() throws {
            let folder = try TemporaryFolder().path("")
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let launch = try sweep(folder, ["--ranks", "2,1", "--encoding", "bf16", "--no-page"])
            #expect(launch.status == 64, "\(launch.errors)")
            #expect(launch.errors.contains("--encoding: expected with --shape"), "\(launch.errors)")
            #expect(try names(folder) == ["ranks-2-equal.error", "ranks-2-equal.log"])
            let corrected = try sweep(folder, ["--ranks", "1", "--no-page"])
            #expect(corrected.status == 0, "\(corrected.errors)")
        }

        @Test func aSweepThatIsStoppedLeavesNothingUnfinished() throws {
            let folder = try TemporaryFolder().path("")
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let launch = try sweep(folder, ["--ranks", "2,3", "--no-page", "--generate", "400"], limit: 2)
            #expect(launch.status == 124, "\(launch.errors)")
            #expect(launch.allProcessesAreGone())
            #expect(try names(folder).allSatisfy { !$0.hasSuffix(".partial") && !$0.hasSuffix(".error") })
        }

        @Test(.enabled(if: hasGnuplot, "gnuplot (package gnuplot-nox) is not installed"))
        func thePageIsWellFormedAndRefersToNothingOutside() throws {
            let folder = try TemporaryFolder().path("")
            defer { try? FileManager.default.removeItem(atPath: folder) }
            #expect(try sweep(folder, ["--ranks", "1,2", "--shares", "2:1"]).status == 0)
            let page = try String(contentsOfFile: "\(folder)/scaling.html", encoding: .utf8)
            // Speed, speed-up, phases and shares, of the prompt and of decoding.
            #expect(page.occurrences(of: "<svg") == 8 && page.occurrences(of: "</svg>") == 8)
            for reference in page.matches(of: /(?:href|src)=['"]([^'"]*)|url\(([^)]*)\)/) {
                #expect((reference.1 ?? reference.2 ?? "").hasPrefix("#"))
            }
            let ids = page.matches(of: /\bid=['"]([^'"]*)/).map { String($0.1) }
            #expect(Set(ids).count == ids.count && !ids.isEmpty)
            let parsed = try Witness.run("xmllint", ["--noout", "\(folder)/scaling.html"])
            #expect(parsed.status == 0 || parsed.status == 127, "\(parsed.output)")
        }
    }
}
