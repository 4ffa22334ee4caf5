import Foundation
import Launching
import Testing
import Weights

extension LockstepTests {
    @Suite(.serialized) struct EncodingTests {
        struct Scores: Decodable {
            struct Divergence: Decodable {
                var mean: Double
                var largest: Double
                var tokens: Int
                var sameBest: Int
            }

            var perplexity: Double
            var divergence: Divergence
        }

        private static let source = Alice.checkpoint.path(percentEncoded: false)
        private static let text = Alice.checkpoint.appending(path: "text.txt").path(percentEncoded: false)

        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// Imports the small model and gives the file.
        private func model(_ encoding: String...) throws -> String {
            let path = folder.path("\(encoding.joined()).h5")
            let launch = try lockstep(["import", Self.source, "-o", path, "--encoding"] + encoding)
            try #require(launch.status == 0, "\(launch.errors)")
            return path
        }

        private func scores(_ model: String, from reference: String, ranks: Int = 1) throws -> Scores {
            try decoded(ranks: ranks, ["score", "--model", model, "--reference", reference, "--json"])
        }

        private func byteCount(_ path: String) throws -> Int {
            try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        }

        @Test func fewerBitsAreSmallerAndFartherFromTheModel() throws {
            let reference = folder.path("logits.h5")
            let plain = try model("f32")
            let launch = try lockstep(["score", "--model", plain, "--text-file", Self.text, "--logits", reference])
            try #require(launch.status == 0, "\(launch.errors)")
            let same = try scores(plain, from: reference)
            #expect(same.divergence.mean == 0 && same.divergence.sameBest == same.divergence.tokens)
            #expect(same.divergence.tokens > 400)

            let (half, q8, q4) = (try model("f16"), try model("q8"), try model("q4", "--offsets"))
            let mean = try [half, q8, q4].map { try scores($0, from: reference).divergence.mean }
            #expect(mean[0] < 1e-6 && mean[1] < 5e-4 && mean[2] < 0.05)
            #expect(mean[0] < mean[1] && mean[1] < mean[2] / 50)
            #expect(try scores(q8, from: reference).perplexity / same.perplexity < 1.01)
            #expect(try scores(q4, from: reference).perplexity / same.perplexity < 1.06)
            let sizes = try [plain, half, q8, q4].map(byteCount)
            #expect(sizes == sizes.sorted(by: >))
            #expect(sizes[3] * 5 < sizes[0])
        }

        @Test(arguments: [1, 3]) func theDivergenceIsThatOfTheLogits(ranks: Int) throws {
            let (reference, own) = (folder.path("reference.h5"), folder.path("own.h5"))
            let (plain, rounded) = (try model("bf16"), try model("q4", "--group", "64"))
            for (model, path) in [(plain, reference), (rounded, own)] {
                let launch = try lockstep([
                    "score", "--model", model, "--tokens", ScoreTests.list, "--logits", path,
                ])
                try #require(launch.status == 0, "\(launch.errors)")
            }
            let found = try scores(rounded, from: reference, ranks: ranks).divergence
            let (expected, rows) = (try LogitsFile(path: reference), try LogitsFile(path: own))
            let divergences = (0..<expected.tokens.count).map { token in
                let place = token * expected.vocabulary..<(token + 1) * expected.vocabulary
                let (p, q) = (probabilities(expected.logits[place]), probabilities(rows.logits[place]))
                return zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) }
            }
            #expect(found.tokens == ScoreTests.tokens.count)
            #expect(abs(found.mean - divergences.reduce(0, +) / Double(divergences.count)) < 1e-4 * found.mean)
            #expect(abs(found.largest - (divergences.max() ?? 0)) < 1e-4 * found.largest)
        }

        private func probabilities(_ logits: ArraySlice<Float>) -> [Double] {
            let greatest = Double(logits.max() ?? 0)
            let exponentials = logits.map { exp(Double($0) - greatest) }
            let sum = exponentials.reduce(0, +)
            return exponentials.map { $0 / sum }
        }

        @Test func logitsOfAnotherVocabularyAreRefused() throws {
            let reference = folder.path("logits.h5")
            _ = try lockstep(["score", "--tokens", "1,2,3", "--logits", reference])
            let tiny = try TinyModel().write(to: folder)
            let path = folder.path("tiny.h5")
            _ = try lockstep(["import", tiny, "-o", path])
            expectFailure(
                try lockstep(["score", "--model", path, "--reference", reference]),
                "expected logits over a vocabulary of 11, found 1021")
        }

        @Test func modelsOfAllEncodingsAreExactOnAnyRanksAndInstructions() throws {
            for encoding in [
                ["f32"], ["f16"], ["q8"], ["q4", "--group", "128"], ["q8", "--offsets", "--scales", "bf16"],
            ] {
                let path = folder.path("model.h5")
                let launch = try lockstep(["import", Self.source, "-o", path, "--encoding"] + encoding)
                try #require(launch.status == 0, "\(launch.errors)")
                let arguments = ["score", "--model", path, "--tokens", ScoreTests.list, "--exact", "--json"]
                let alone = try lockstep(arguments)
                try #require(alone.status == 0, "\(alone.errors)")
                let three = try lockstep(ranks: 3, arguments + ["--shares", "5:3:2"])
                #expect(three.output == alone.output, "\(encoding)")
                let portable = Launch.Part(
                    ranks: 5, program: Launch.product("lockstep"), arguments + ["--shares", "1:2:9:2:1"],
                    environment: ["LOCKSTEP_ISA": "portable"])
                let five = try Launch.mpirun([portable])
                #expect(five.output == alone.output, "\(encoding) in plain C")
            }
        }

        @Test func differentEncodingsOfOneMatrixAreRefused() throws {
            let launch = try lockstep([
                "import", Self.source, "-o", folder.path("model.h5"), "--encoding", "q4", "--head-encoding", "q8",
                "--embedding-encoding", "bf16",
            ])
            expectFailure(launch, "embedding and head: expected one encoding, as they are one matrix in this model")
        }

        @Test func aPlanKnowsTheEncodingsOfAnImport() throws {
            let model = try model("q4", "--head-encoding", "q8")
            let config = Alice.checkpoint.appending(path: "config.json").path(percentEncoded: false)
            let options = ["--ranks", "3", "--shares", "5:3:2", "--json"]
            let bare = try lockstep(["plan", config, "--encoding", "q4", "--head-encoding", "q8"] + options)
            #expect(bare.status == 0, "\(bare.errors)")
            #expect(bare.output == (try lockstep(["plan", model] + options)).output)
        }

        @Test func theTableOfEncodingsHasARowForEach() throws {
            let script = Alice.package.appending(path: "launch/encodings").path(percentEncoded: false)
            let launch = try Launch.command(
                ["bash", script, Self.source, Self.text, "bf16", "q4 --group 64"],
                environment: ["LOCKSTEP": Launch.product("lockstep")])
            try #require(launch.status == 0, "\(launch.errors)")
            let rows = launch.output.split(separator: "\n")
            #expect(rows.count == 4)
            #expect(rows[2].hasPrefix("| bf16 | ") && rows[2].hasSuffix(" | 0.000000 | 100.0 % |"))
            #expect(rows[3].hasPrefix("| q4 --group 64 | "))
        }
    }
}
