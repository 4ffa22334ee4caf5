import Foundation
import HDF5
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct VerifyTests {
        struct Verification: Decodable {
            struct Difference: Decodable {
                var place: String
                var largest: Double
                var spread: Double
            }

            var differences: [Difference]
            var greedyTokensAgree: Bool
            var ranksAgree: Bool
            var tokenCount: Int
            var tolerance: Double
            var wire: Wire?

            struct Wire: Decodable {
                var wire: String
                var differences: [Difference]
                var agreeingTokenCount: Int
            }
        }

        private static let tokens = ["--tokens", "0,535,319,723,565,274"]
        static let places = ["embedding"] + (0..<5).map { "layer \($0)" } + ["logits"]

        @Test(arguments: [(2, []), (3, ["--shares", "5:3:2"]), (5, ["--split", "padded"])] as [(Int, [String])])
        func ranksComputeWhatOneComputes(ranks: Int, options: [String]) throws {
            let found: Verification = try decoded(ranks: ranks, ["verify", "--json"] + options)
            #expect(found.differences.map(\.place) == Self.places)
            #expect(found.greedyTokensAgree && found.ranksAgree)
            #expect(found.tokenCount == 160)
            let logits = try #require(found.differences.last)
            #expect(logits.spread > 1)
            #expect(logits.largest / logits.spread < 5e-4)
            // Another order of summation that left no trace at all would not have been another one.
            #expect(found.differences.contains { $0.largest > 0 })
        }

        @Test(arguments: [(2, []), (3, ["--shares", "5:3:2"]), (5, ["--split", "padded"])] as [(Int, [String])])
        func withExactNothingDiffers(ranks: Int, options: [String]) throws {
            let found: Verification = try decoded(ranks: ranks, ["verify", "--json", "--exact"] + options)
            #expect(found.differences.map(\.place) == Self.places)
            #expect(found.differences.allSatisfy { $0.largest == 0 })
            #expect(found.tolerance == 0)
            #expect(found.greedyTokensAgree && found.ranksAgree)
        }

        /// The same sums in another order may round to the next number of few bits.
        @Test(arguments: [
            ("--math", "fast", 0.2), ("--cache", "f16", 5e-3), ("--cache", "bf16", 5e-2), ("--cache", "q8", 5e-2),
        ])
        func whatIsRoundedMayDifferByMore(option: String, value: String, tolerance: Double) throws {
            let found: Verification = try decoded(ranks: 3, ["verify", "--json", "--shares", "5:3:2", option, value])
            let logits = try #require(found.differences.last)
            #expect(found.tolerance == tolerance && found.ranksAgree)
            #expect(logits.largest / logits.spread < tolerance / 2)
            let strict = try lockstep(
                ranks: 3, ["verify", "--tolerance", "1e-6", "--shares", "5:3:2", option, value])
            #expect(strict.status == 1, "\(strict.output)")
        }

        @Test(arguments: ["bf16", "f16", "q8"]) func withExactNothingDiffersForAnyCache(cache: String) throws {
            let found: Verification = try decoded(
                ranks: 3, ["verify", "--json", "--exact", "--cache", cache, "--shares", "5:3:2"])
            #expect(found.differences.map(\.place) == Self.places)
            #expect(found.differences.allSatisfy { $0.largest == 0 })
            #expect(found.greedyTokensAgree && found.ranksAgree)
        }

        @Test(arguments: [2, 3, 5, 7], ["bf16", "q8"])
        func allRanksHoldTheSameBitsOfSumsThatTravelInFewer(ranks: Int, wire: String) throws {
            let found: Verification = try decoded(ranks: ranks, ["verify", "--json", "--wire", wire])
            #expect(found.ranksAgree && found.greedyTokensAgree)
            let error = try #require(found.wire)
            #expect(error.wire == wire && error.differences.map(\.place) == Self.places)
            // The embedding travels as it is. Bytes have 7 bits, bf16 has 8 of a fraction: what is measured is neither
            // nothing nor noise.
            #expect(error.differences[0].largest == 0)
            for difference in error.differences.dropFirst() {
                #expect(difference.largest > 1e-3 * difference.spread, "\(difference)")
                #expect(difference.largest < (wire == "bf16" ? 0.15 : 0.6) * difference.spread, "\(difference)")
            }
            #expect(error.agreeingTokenCount >= 144)
            // The comparison with one rank is that of sums in float32.
            let logits = try #require(found.differences.last)
            #expect(logits.largest / logits.spread < 5e-4)
        }

        @Test func peopleSeeWhatTheWireChanges() throws {
            let launch = try lockstep(ranks: 2, ["verify", "--prompt", "Alice was", "--wire", "bf16"])
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(launch.output.contains("\nwire bf16 against f32, after "), "\(launch.output)")
            #expect(launch.output.contains("\nwire bf16: the best tokens are those of f32 at 3 of 3 positions\n"))
            #expect(launch.output.hasSuffix("verdict: equal within the tolerance of 5.0e-04, sums in f32\n"))
        }

        @Test func peopleGetALinePerLayerAndAVerdict() throws {
            let launch = try lockstep(ranks: 2, ["verify", "--prompt", "Alice was"])
            #expect(launch.status == 0, "\(launch.errors)")
            for place in Self.places { #expect(launch.output.contains("\n\(place) "), "\(launch.output)") }
            #expect(launch.output.contains("best tokens: agree over 3 positions\n"))
            #expect(launch.output.hasSuffix("verdict: equal within the tolerance of 5.0e-04\n"))
        }

        @Test func differencesPastTheToleranceGiveStatusOne() throws {
            let launch = try lockstep(ranks: 3, ["verify", "--tolerance", "0"] + Self.tokens)
            #expect(launch.status == 1)
            #expect(launch.output.contains("verdict: NOT equal within the tolerance of 0\n"), "\(launch.output)")
            #expect(launch.allProcessesAreGone())
        }

        @Test func aReferenceMayTakeThePlaceOfOneRankAlone() throws {
            let folder = try TemporaryFolder()
            let reference = folder.path("reference.h5")
            #expect(try lockstep(["score", "--exact", "--logits", reference] + Self.tokens).status == 0)
            let verify = ["verify", "--exact", "--reference", reference]
            let same = try lockstep(ranks: 3, verify)
            #expect(same.status == 0, "\(same.output)\(same.errors)")
            #expect(same.output.contains("best tokens: agree over 6 positions\n"))

            try tamper(reference)
            let other = try lockstep(ranks: 3, verify)
            #expect(other.status == 1)
            #expect(other.output.contains("best tokens: differ, first at position 2"), "\(other.output)")
            #expect(other.output.contains("verdict: NOT equal"))
        }

        /// Makes token 7 the best one at position 2.
        private func tamper(_ path: String) throws {
            let file = try HDF5File(opening: path, isWritable: true)
            try write([0, 0, 0x7A, 0x44], to: file.root())  // 1000
            try file.close()
        }

        private func write(_ bytes: [UInt8], to root: borrowing HDF5Group) throws {
            let dataset = try root.openDataset("logits")
            try dataset.write(Hyperslab(2..<3, 7..<8), from: bytes.span.bytes)
        }

        @Test func aReferenceOfAnotherModelIsRefused() throws {
            let folder = try TemporaryFolder()
            let model = try TinyModel().imported(in: folder)
            let reference = folder.path("reference.h5")
            #expect(try lockstep(["score", "--model", model, "--tokens", "1,2,3", "--logits", reference]).status == 0)
            expectFailure(
                try lockstep(ranks: 2, ["verify", "--reference", reference]),
                "lockstep: rank 0 on \(Launch.host): \(reference): expected logits over "
                    + "a vocabulary of 1021, found 11; "
                    + "give a file that 'score --logits' wrote for this model\n")
        }
    }
}
