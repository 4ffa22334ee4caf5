import Foundation
import Launching
import Testing

extension LockstepTests {
    /// Ranks that would not compute the same: each is named with its host and its value, and nobody waits.
    @Suite(.serialized) struct MismatchTests {
        private static let prompt = ["generate", "--prompt", "Alice was"]
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// Three ranks, of which the last has other arguments or runs another program.
        private func run(last: [String] = [], program: String = Launch.product("lockstep")) throws -> Launch {
            try Launch.mpirun(
                [
                    .init(ranks: 2, program: Launch.product("lockstep"), Self.prompt),
                    .init(ranks: 1, program: program, Self.prompt + last),
                ], limit: 20)
        }

        private func message(_ what: String, _ values: (String, String), _ remedy: String) -> String {
            "lockstep: \(what): expected the same on all ranks, found that ranks 0-1 on \(Launch.host) have "
                + "'\(values.0)', rank 2 on \(Launch.host) has '\(values.1)'; \(remedy)\n"
        }

        @Test func aPathThatOneHostCannotReadIsNamedWithItsRank() throws {
            let path = folder.path("none.h5")
            expectFailure(
                try run(last: ["--model", path]),
                "lockstep: rank 2 on \(Launch.host): \(path): expected something readable, "
                    + "found 'No such file or directory'; check the path and its permissions\n")
        }

        @Test func anotherModelFileIsNamedWithBothHashes() throws {
            let model = try Alice.model(in: folder, context: 511)
            let hashes = try [Alice.embedded, model].map { path in
                let lines = try lockstep(["show", path]).output.split(separator: "\n")
                let line = try #require(lines.first { $0.hasPrefix("model hash") })
                return try #require(line.split(separator: " ").last.map { String($0) })
            }
            #expect(hashes[0] != hashes[1])
            expectFailure(
                try run(last: ["--model", model]),
                message("model", (hashes[0], hashes[1]), "copy the same weights file to every host"))
        }

        @Test(arguments: [
            ["--context", "100"], ["--cache", "bf16"], ["--chunk", "8"], ["--exact"], ["--split", "padded"],
            ["--wire", "q8"], ["--math", "precise"],
        ])
        func otherOptionsAreNoticed(options: [String]) throws {
            let plans = try [[], options].map { options in
                let plan: PlanFigures = try decoded(["plan", "--ranks", "3", "--json"] + options)
                return plan.fingerprint
            }
            #expect(plans[0] != plans[1])
            let found = try run(last: options)
            #expect(found.errors.contains("lockstep: plan: expected the same on all ranks"), "\(found.errors)")
            expectFailure(found, "; start every rank with the same options\n")
            #expect(
                found.errors.contains("ranks 0-1 on \(Launch.host) have '")
                    && found.errors.contains("rank 2 on \(Launch.host) has '"))
        }

        /// The version is written into the program's instructions: a copy of the program with other bytes there is
        /// another version of it.
        @Test func anotherVersionOfTheProgramIsNamed() throws {
            let version = try lockstep(["--version"]).output.trimmingCharacters(in: .newlines)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: Launch.product("lockstep")))
            let old = Data((version + "\0").utf8)
            let new = Data(("7" + version.dropFirst() + "\0").utf8)
            var start = bytes.startIndex
            while let place = bytes[start...].firstRange(of: old) {
                bytes.replaceSubrange(place, with: new)
                start = place.upperBound
            }
            let program = try folder.write("lockstep", bytes)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
            let resources = "lockstep_Engine.resources"
            try FileManager.default.createSymbolicLink(
                atPath: folder.path(resources), withDestinationPath: Launch.product(resources))
            let other = try Launch.command([program, "--version"]).output.trimmingCharacters(in: .newlines)
            #if arch(x86_64)
            try #require(other == "7" + version.dropFirst())
            #else
            // Other processors have constants in pieces of two bytes in their instructions.
            guard other != version else { return try Test.cancel("the version cannot be found in the program") }
            #endif
            expectFailure(
                try run(program: program),
                message("program version", (version, other), "install the same version of lockstep on every host"))
        }
    }
}
