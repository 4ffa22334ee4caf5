import Blueprint
import Foundation
import Partition
import Testing

@Suite struct ReportTests {
    static func large() throws -> Plan {
        let model = try Resource.model(
            heads: 64, keyValueHeads: 8, headSize: 128, width: 8192, mlpWidth: 28672, vocabulary: 128_256, layers: 80)
        return try Resource.plan(of: model, [5, 3, 2], context: 8192)
    }

    @Test func aReportHasALinePerRankAndFitsOnATerminal() throws {
        let plan = try Self.large()
        let report = plan.report(hosts: ["compute-node-01", "compute-node-02", "compute-node-03.example.org"])
        let lines = report.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.count <= 120 }, "\(report)")
        let table = lines.filter { $0.contains("compute-node-") }
        #expect(table.count == 3)
        #expect(table[0].contains("0-31") && table[0].contains(" 50.0 ") && table[2].contains(" 20.0 "))
        #expect(Set(table.map(\.count)).count == 1)
        #expect(report.contains(plan.fingerprint) && report.contains("70 553 706 496 parameters"))
    }

    @Test func aReportWithoutHostsHasNoColumnForThem() throws {
        let report = try Resource.plan("alice", [5, 3, 2]).report(hosts: nil)
        #expect(!report.contains("host"))
        #expect(report.contains("in 13 messages (greedy; top-p or min-p without top-k adds 2)"))
        #expect(try Resource.plan("alice", [1]).report(hosts: nil).contains("0 B in 0 messages\n"))
    }

    @Test func aRangeOfOneUnitIsItsNumberAndAnEmptyOneIsNone() throws {
        let report = try Resource.plan("llama-a-h84-i82-q7kv1-f32", Array(repeating: 1, count: 8)).report(hosts: nil)
        let fields = report.split(separator: "\n").map { $0.split(separator: " ") }
        let rows = fields.filter { $0.count > 10 && $0[1] == "12.5" }
        #expect(rows.map { $0[3] } == ["0", "1", "2", "3", "4", "5", "6", "none"])
    }

    @Test func theLastColumnIsWhatEachRankSends() throws {
        let plan = try Resource.plan("alice", [5, 3, 2])
        let lines = plan.report(hosts: nil).split(separator: "\n")
        let titles = lines.dropFirst(2).prefix(3).map { $0.split(separator: " ").last }
        #expect(titles == ["sends", "per", "token"])
        // Eleven sums of 160 floats and a candidate, and on rank 0 the order.
        #expect(lines[5].hasSuffix(" 7.08 KB") && lines[6].hasSuffix(" 7.05 KB") && lines[7].hasSuffix(" 7.05 KB"))
    }

    @Test(
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "1.00 KB"), (9994, "9.99 KB"), (9996, "10.0 KB"), (99_949, "99.9 KB"),
            (99_951, "100 KB"), (999_499, "999 KB"), (999_501, "1.00 MB"), (12_345_678, "12.3 MB"),
            (123_456_789_012, "123 GB"), (1_500_000_000_000, "1.50 TB"), (-2500, "-2.50 KB"),
        ])
    func bytesHaveOneToThreeDigitsBeforeThePoint(count: Int, text: String) {
        #expect(Figure.bytes(count) == text)
    }

    @Test func figuresAreWrittenWithTheirDigits() {
        #expect(Figure.decimal(-1.25, 4) == "-1.2500" && Figure.decimal(2.6, 0) == "3")
        #expect(Figure.scientific(0.0000123) == "1.2e-05" && Figure.scientific(0) == "0")
        #expect(Figure.percent(1 / 3) == "33.3 %")
    }

    @Test func everyRemarkIsInTheReport() throws {
        let plan = try Resource.plan("llama-a-h84-i82-q7kv1-f32", Array(repeating: 1, count: 9), .gather, .padded)
        let words = plan.report(hosts: nil).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(plan.remarks.count >= 3)
        for remark in plan.remarks { #expect(words.contains("- " + remark)) }
    }

    @Test func theSummaryHasTheFiguresOfThePlan() throws {
        let plan = try Self.large()
        let summary = plan.summary(hosts: nil)
        #expect(summary.ranks.map(\.weightByteCount) == (0..<3).map { plan.holdings(rank: $0).weightByteCount })
        #expect(summary.ranks.map(\.peakByteCount) == (0..<3).map { plan.holdings(rank: $0).peakByteCount })
        #expect(summary.ranks.map(\.queryHeads.end) == [32, 51, 64])
        #expect(summary.decodedToken.byteCount == plan.decodingTraffic.byteCount)
        #expect(summary.promptChunk.collectives == 161)
        #expect(summary.model.byteCounts["bf16", default: 0] > 140_000_000_000)
    }

    @Test func theKeysOfTheSummaryAreStable() throws {
        let plan = try Resource.plan("alice", [5, 3, 2])
        let data = try JSONEncoder().encode(plan.summary(hosts: ["a", "b", "c"]))
        #expect(try JSONDecoder().decode(PlanSummary.self, from: data) == plan.summary(hosts: ["a", "b", "c"]))
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(
            object.keys.sorted() == [
                "cache", "chunk", "context", "decodedToken", "fingerprint", "math", "model", "promptChunk", "rankCount",
                "ranks", "remarks", "split", "way", "wire",
            ])
        let rank = try #require((object["ranks"] as? [[String: Any]])?.first)
        #expect(
            rank.keys.sorted() == [
                "cacheByteCount", "fileByteCount", "host", "keyValueHeads", "keyValueHeadsHeldTwice", "mlpWidth",
                "peakByteCount", "queryHeads", "rank", "replicatedByteCount", "sentByteCount", "shareAsked",
                "shareReached", "vocabulary", "weightByteCount", "workspaceByteCount",
            ])
    }
}
