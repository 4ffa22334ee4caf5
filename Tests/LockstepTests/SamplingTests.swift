import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct SamplingTests {
        private func tokens(ranks: Int = 1, seed: Int = 7, _ options: [String]) throws -> [Int] {
            let prompt = ["generate", "--prompt", "The Queen of", "--max-tokens", "24", "--ignore-eos", "--json"]
            let generation: Generation = try decoded(ranks: ranks, prompt + ["--seed", "\(seed)"] + options)
            return generation.tokens
        }

        static let kinds: [[String]] = [
            ["--temperature", "1.5"],
            ["--temperature", "2", "--top-k", "40"],
            ["--temperature", "3", "--top-p", "0.9"],
            // So flat a distribution that the ranks' best candidates are too few for the set.
            ["--temperature", "8", "--top-p", "0.95"],
            ["--temperature", "8", "--min-p", "0.01"],
            ["--temperature", "1.5", "--repetition-penalty", "1.3"],
        ]

        @Test(arguments: kinds) func aSeedGivesTheSameTextAtAnyNumberOfRanks(options: [String]) throws {
            let alone = try tokens(options + ["--exact"])
            #expect(alone != (try tokens([])))
            for (ranks, shares) in [(2, "1:1"), (3, "5:3:2"), (5, "1:1:1:1:1")] {
                let together = try tokens(ranks: ranks, options + ["--exact", "--shares", shares])
                #expect(together == alone, "\(ranks) ranks")
            }
        }

        @Test(arguments: kinds) func otherSeedsGiveOtherTexts(options: [String]) throws {
            let texts = try (1...2).map { try tokens(seed: $0, options) }
            #expect(texts[0] != texts[1])
            #expect(try tokens(seed: 1, options) == texts[0])
        }

        @Test func temperatureZeroTakesNoNoticeOfTheSeed() throws {
            let greedy = try tokens([])
            for seed in [1, 2] { #expect(try tokens(seed: seed, ["--temperature", "0"]) == greedy) }
        }

        @Test func theSmallestSetsLeaveTheBestToken() throws {
            let greedy = try tokens([])
            for options in [["--top-k", "1"], ["--top-p", "1e-9"], ["--min-p", "1"]] {
                #expect(try tokens(ranks: 2, options + ["--temperature", "3"]) == greedy, "\(options)")
            }
        }

        @Test func setsThatExcludeNothingChangeNothing() throws {
            let plain = try tokens(["--temperature", "2"])
            let exact = try tokens(["--temperature", "2", "--exact"])
            for count in [Alice.vocabulary, 1_000_000_000] {
                #expect(try tokens(ranks: 2, ["--temperature", "2", "--top-k", "\(count)", "--exact"]) == exact)
                #expect(try tokens(["--temperature", "2", "--top-k", "\(count)"]) == plain)
            }
        }

        @Test func aPenaltyKeepsGreedyTextsFromRepeating() throws {
            let penalised = try tokens(["--repetition-penalty", "1000000"])
            #expect(Set(penalised).count == penalised.count)
        }
    }
}
