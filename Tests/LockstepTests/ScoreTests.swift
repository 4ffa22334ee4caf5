import Foundation
import HDF5
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct ScoreTests {
        struct Scores: Decodable {
            var tokens: [Int]
            var logprobs: [Double?]
            var top: [[[Double]]]?
            var perplexity: Double
        }

        static let tokens = [0, 535, 319, 723, 565, 274, 491, 389, 467, 790, 200, 17]
        static let list = tokens.map { "\($0)" }.joined(separator: ",")

        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// The logits of a file that `score --logits` wrote, one row per token.
        private func logits(_ path: String) throws -> [[Float]] {
            let dataset = try HDF5File(opening: path).root().openDataset("logits")
            #expect(dataset.elementType == .float32)
            #expect(dataset.shape == [Self.tokens.count, Alice.vocabulary])
            let bytes = try dataset.readAll()
            return (0..<Self.tokens.count).map { row in
                (0..<Alice.vocabulary).map { column in
                    let start = (row * Alice.vocabulary + column) * 4
                    return Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) })
                }
            }
        }

        @Test(arguments: [1, 3]) func logProbabilitiesAreThoseOfTheLogits(ranks: Int) throws {
            let path = folder.path("logits.h5")
            let scores: Scores = try decoded(
                ranks: ranks, ["score", "--tokens", Self.list, "--logits", path, "--top", "5", "--json"])
            let logits = try logits(path)
            #expect(scores.tokens == Self.tokens)
            #expect(scores.logprobs.count == Self.tokens.count)
            #expect(scores.logprobs[0] == nil)
            let top = try #require(scores.top)
            #expect(top.count == Self.tokens.count)
            #expect(top[0].isEmpty)
            for position in 1..<Self.tokens.count {
                let row = logits[position - 1].map { Double($0) }
                let largest = try #require(row.max())
                let normaliser = largest + log(row.reduce(0) { $0 + exp($1 - largest) })
                let found = try #require(scores.logprobs[position])
                #expect(abs(found - (row[Self.tokens[position]] - normaliser)) < 1e-5)
                let best = row.indices.sorted { (-row[$0], $0) < (-row[$1], $1) }.prefix(5)
                #expect(top[position].map { Int($0[0]) } == Array(best))
                for (pair, id) in zip(top[position], best) { #expect(abs(pair[1] - (row[id] - normaliser)) < 1e-5) }
            }
        }

        @Test func perplexityIsTheExponentialOfTheMeanLoss() throws {
            let scores: Scores = try decoded(ranks: 2, ["score", "--tokens", Self.list, "--json"])
            #expect(scores.top == nil)
            let logProbabilities = scores.logprobs.compactMap { $0 }
            #expect(logProbabilities.count == Self.tokens.count - 1)
            let mean = logProbabilities.reduce(0, +) / Double(logProbabilities.count)
            #expect(abs(scores.perplexity - exp(-mean)) < 1e-9 * scores.perplexity)
        }

        @Test func scoresAreTheSameOnAnyNumberOfRanks() throws {
            let arguments = ["score", "--tokens", Self.list, "--top", "3", "--json"]
            let alone = try lockstep(arguments + ["--exact"]).output
            for ranks in [2, 5] { #expect(try lockstep(ranks: ranks, arguments + ["--exact"]).output == alone) }
            let expected = try JSONDecoder().decode(Scores.self, from: Data(alone.utf8))
            let summed: Scores = try decoded(ranks: 3, arguments + ["--shares", "5:3:2", "--chunk", "4"])
            for (found, wanted) in zip(summed.logprobs, expected.logprobs) {
                #expect(abs((found ?? 0) - (wanted ?? 0)) < 1e-3)
            }
        }

        @Test func tokensMayComeFromFilesAndTexts() throws {
            let expected = try lockstep(["score", "--tokens", Self.list, "--json"]).output
            let list = try folder.write("list.json", "[\(Self.list)]")
            let object = try folder.write("object.json", "{\"pieces\": [], \"tokens\": [\(Self.list)]}")
            for file in [list, object] {
                #expect(try lockstep(["score", "--tokens-file", file, "--json"]).output == expected)
            }
            let text = try lockstep(["tokenize", "--decode", Self.list, "--no-special"]).output.dropLast()
            let file = try folder.write("text.txt", String(text))
            #expect(try lockstep(["score", "--text-file", file, "--json"]).output == expected)
        }

        @Test func linesForPeopleEndWithThePerplexity() throws {
            let lines = try lockstep(["score", "--tokens", "0,535,319", "--top", "2"]).output.split(separator: "\n")
            #expect(lines.count == 3)
            #expect(lines[0].hasPrefix("535\t-") && lines[0].contains("\tAlice\t535:-"))
            #expect(lines[2].hasPrefix("perplexity ") && lines[2].hasSuffix(" over 2 tokens"))
        }
    }
}
