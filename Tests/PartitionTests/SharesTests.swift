import Partition
import Testing

@Suite struct SharesTests {
    @Test func aListGivesOneShareToEachRank() throws {
        #expect(try Shares(list: "5:3:2") == .perRank([5, 3, 2]))
        #expect(try Shares(list: "0.5:1e3").resolved(hosts: ["a", "a"]) == [0.5, 1000])
        #expect(try Shares(list: "7").resolved(rankCount: nil) == [7])
    }

    @Test(
        arguments: [
            ("5:x:2", .shareNotANumber(rank: 1, found: "x")), ("", .shareNotANumber(rank: 0, found: "")),
            ("1:1:", .shareNotANumber(rank: 2, found: "")), ("1, 2", .shareNotANumber(rank: 0, found: "1, 2")),
            ("1:0", .shareNotPositive(rank: 1, found: 0)), ("inf:1", .shareNotPositive(rank: 0, found: .infinity)),
            ("1:2:-3", .shareNotPositive(rank: 2, found: -3)),
        ] as [(String, PartitionError)])
    func aListOfAnotherFormIsRefused(list: String, error: PartitionError) {
        #expect(throws: error) { try Shares(list: list) }
    }

    @Test(arguments: [1, 2, 4])
    func aListForAnotherNumberOfRanksIsRefused(ranks: Int) throws {
        let shares = try Shares(list: "5:3:2.5")
        let error = PartitionError.shareCount(expected: ranks, found: 3, shares: "5:3:2.5")
        #expect(throws: error) { try shares.resolved(rankCount: ranks) }
        #expect(throws: error) { try shares.resolved(hosts: Array(repeating: "a", count: ranks)) }
    }

    @Test func aFileGivesItsHostsInItsOrder() throws {
        let text = "# the cluster\nlarge  5 # 64 GB\n\n\tsmall.example.org\t0.5\r\nmiddle 1e1"
        let shares = try Shares(file: text, path: "shares.txt")
        #expect(
            shares
                == .perHost([
                    HostShare(host: "large", share: 5), HostShare(host: "small.example.org", share: 0.5),
                    HostShare(host: "middle", share: 10),
                ]))
        #expect(try shares.resolved(rankCount: nil) == [5, 0.5, 10])
        #expect(try shares.resolved(rankCount: 3) == [5, 0.5, 10])
    }

    @Test(
        arguments: [
            ("a 1\nb", 2, "b"), ("\n\na 1 2 # three\n", 3, "a 1 2"), ("a one", 1, "a one"), ("a 0", 1, "a 0"),
            ("a -1", 1, "a -1"), ("# no\na inf", 2, "a inf"), ("a nan", 1, "a nan"), ("5", 1, "5"),
        ])
    func aLineOfAnotherFormIsRefusedByItsNumber(text: String, line: Int, found: String) {
        #expect(throws: PartitionError.shareLine(path: "shares.txt", line: line, found: found)) {
            try Shares(file: text, path: "shares.txt")
        }
    }

    @Test func aHostOfTwoLinesIsRefused() {
        #expect(throws: PartitionError.hostTwice(path: "f", line: 4, firstLine: 1, host: "a")) {
            try Shares(file: "a 1\nb 2\n\na 1\n", path: "f")
        }
    }

    @Test(arguments: ["", "\n\n", "# a 1\n  # b 2"])
    func aFileWithoutLinesIsRefused(text: String) {
        #expect(throws: PartitionError.noShareLines(path: "f")) { try Shares(file: text, path: "f") }
    }

    @Test func everyRankOfAHostHasTheSharesOfItsLine() throws {
        let shares = try Shares(file: "a 5\nb.example.org 2\na.example.org 3\n", path: "f")
        #expect(try shares.resolved(hosts: ["a", "b", "a", "b.example.org"]) == [5, 2, 5, 2])
        #expect(try shares.resolved(hosts: ["a.example.org", "b.elsewhere.org"]) == [3, 2])
        #expect(throws: PartitionError.hostAmbiguous(host: "a.elsewhere.org", found: ["a", "a.example.org"])) {
            try shares.resolved(hosts: ["b", "a.elsewhere.org"])
        }
    }

    @Test func anAddressHasNoShortForm() throws {
        let shares = try Shares(file: "10.0.0.1 5\n10.0.0.2 2\n", path: "f")
        #expect(try shares.resolved(hosts: ["10.0.0.2", "10.0.0.1"]) == [2, 5])
        #expect(throws: PartitionError.hostWithoutShare(host: "10.0.0.3", known: ["10.0.0.1", "10.0.0.2"])) {
            try shares.resolved(hosts: ["10.0.0.3"])
        }
    }

    @Test func aHostWithoutALineIsRefusedWithTheKnownOnes() throws {
        let shares = try Shares(file: "b 2\na 1\n", path: "f")
        #expect(throws: PartitionError.hostWithoutShare(host: "c.example.org", known: ["b", "a"])) {
            try shares.resolved(hosts: ["a", "c.example.org"])
        }
        #expect(throws: PartitionError.shareCount(expected: 3, found: 2, shares: "b 2, a 1")) {
            try shares.resolved(rankCount: 3)
        }
    }

    @Test func refusalsOfSharesSayWhereAndWhatToDo() {
        let errors: [PartitionError] = [
            .shareNotANumber(rank: 0, found: "x"), .shareNotPositive(rank: 0, found: 0),
            .shareCount(expected: 2, found: 1, shares: "5"), .shareLine(path: "f", line: 2, found: "a"),
            .hostTwice(path: "f", line: 2, firstLine: 1, host: "a"), .noShareLines(path: "f"),
            .hostWithoutShare(host: "a", known: ["b"]), .hostAmbiguous(host: "a", found: ["a.b", "a.c"]),
        ]
        for error in errors {
            #expect(error.description.contains(": expected ") && error.description.contains(", found "), "\(error)")
            #expect(error.description.contains("; "), "\(error)")
        }
    }
}
