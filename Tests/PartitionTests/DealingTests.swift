import Partition
import Testing

@Suite struct DealingTests {
    @Test(
        arguments: [
            (82, [1, 1, 1], [28, 27, 27]),
            (82, [1.0, 1.0, 1.2], [26, 26, 30]),
            (8, [75, 25], [6, 2]),
            (8, [128, 48], [6, 2]),
            (2, [1, 1, 1], [1, 1, 0]),
            (64, [1, 1, 1], [22, 21, 21]),
            (28, [1, 1, 1], [10, 9, 9]),
            (32, [1, 1, 1], [11, 11, 10]),
            (32, [75, 25], [24, 8]),
            (0, [1, 2], [0, 0]),
        ] as [(Int, [Double], [Int])])
    func workedExamplesAreDealtAsWritten(units: Int, shares: [Double], counts: [Int]) {
        #expect(Dealing.deal(units, shares: shares) == counts)
    }

    /// Every split of a number of units over ranks.
    static func splits(_ units: Int, _ ranks: Int) -> [[Int]] {
        guard ranks > 1 else { return [[units]] }
        return (0...units).flatMap { first in splits(units - first, ranks - 1).map { [first] + $0 } }
    }

    /// The order of preference, spelled out over every split: whole shares make it exact.
    static func best(_ units: Int, _ shares: [Int]) -> [Int] {
        let common = shares.reduce(1, *)
        let sum = shares.reduce(0, +)
        func time(_ counts: [Int]) -> Int { zip(counts, shares).map { $0 * (common / $1) }.max() ?? 0 }
        func inequality(_ counts: [Int]) -> Int {
            Set(shares).reduce(0) { total, share in
                let equals = zip(counts, shares).filter { $0.1 == share }.map(\.0)
                return total + ((equals.max() ?? 0) > (equals.min() ?? 0) ? 1 : 0)
            }
        }
        func distance(_ counts: [Int]) -> Int {
            zip(counts, shares).reduce(0) { $0 + ($1.0 * sum - units * $1.1) * ($1.0 * sum - units * $1.1) }
        }
        let ranked = splits(units, shares.count).map { counts in
            (key: [time(counts), inequality(counts), distance(counts)] + counts.map { -$0 }, counts: counts)
        }
        return ranked.min { $0.key.lexicographicallyPrecedes($1.key) }?.counts ?? []
    }

    @Test func noSplitOfSmallNumbersIsPreferable() {
        var tried = 0
        for ranks in 1...4 {
            for code in 0..<[1: 6, 2: 36, 3: 216, 4: 625][ranks, default: 0] {
                let base = ranks < 4 ? 6 : 5
                let shares = (0..<ranks).map { rank in
                    code / (0..<rank).reduce(1) { power, _ in power * base } % base + 1
                }
                for units in 0...(ranks < 4 ? 12 : 9) {
                    let dealt = Dealing.deal(units, shares: shares.map(Double.init))
                    #expect(dealt == Self.best(units, shares), "\(units) units, shares \(shares)")
                    tried += 1
                }
            }
        }
        #expect(tried > 9000)
    }

    @Test func noSplitOverFiveRanksIsPreferable() {
        var random = Random(seed: 5)
        for _ in 0..<60 {
            let shares = (0..<5).map { _ in random.next(in: 1...7) }
            let units = random.next(in: 1...11)
            #expect(
                Dealing.deal(units, shares: shares.map(Double.init)) == Self.best(units, shares),
                "\(units) units, shares \(shares)")
        }
    }

    @Test func onlyTheRatiosOfSharesMatter() {
        var random = Random(seed: 1)
        for _ in 0..<300 {
            let ratios = (0..<random.next(in: 1...8)).map { _ in random.next(in: 1...60) }
            let units = random.next(in: 0...2000)
            let expected = Dealing.deal(units, shares: ratios.map(Double.init))
            for scale in [10, 0.1, 1.0 / 3, 0.7, 1e-9, 3e17, 137_438_953_472.0 / 7] {
                let dealt = Dealing.deal(units, shares: ratios.map { Double($0) * scale })
                #expect(dealt == expected, "\(units) units, shares \(ratios) times \(scale)")
            }
        }
        #expect(
            Dealing.deal(10, shares: [0.5, 0.3, 0.2]) == [5, 3, 2]
                && Dealing.deal(1000, shares: [50, 30, 20]) == [500, 300, 200])
    }

    @Test func manyUnitsOverManyUnlikeRanksAreAllDealtAndNoneCouldFinishEarlier() {
        var random = Random(seed: 2)
        for _ in 0..<200 {
            let shares = (0..<random.next(in: 1...64)).map { _ in random.next(in: 1...10_000) }
            let units = random.next(in: 0...200_000)
            let counts = Dealing.deal(units, shares: shares.map(Double.init))
            #expect(counts.reduce(0, +) == units && counts.allSatisfy { $0 >= 0 })
            guard let slowest = counts.indices.max(by: { counts[$0] * shares[$1] < counts[$1] * shares[$0] }) else {
                continue
            }
            // If all ranks were to be faster than the slowest one, they could not finish all units.
            let strictlyBelow = shares.reduce(0) { total, share in
                total + max(0, (counts[slowest] * share - 1)) / shares[slowest]
            }
            #expect(units == 0 || strictlyBelow < units, "\(units) units, shares \(shares)")
        }
    }

    @Test func sharesOfAnySizeAreDealt() {
        #expect(Dealing.deal(10, shares: [1e300, 1e-300]) == [10, 0])
        #expect(Dealing.deal(10, shares: [.leastNonzeroMagnitude, .leastNonzeroMagnitude]) == [5, 5])
        #expect(Dealing.deal(3, shares: [Double.pi, 2.718281828459045, 1.4142135623730951]).reduce(0, +) == 3)
        let awkward = (0..<64).map { 1 + Double($0).squareRoot() }
        #expect(Dealing.deal(200_000, shares: awkward).reduce(0, +) == 200_000)
        #expect(
            Dealing.deal(5, shares: Array(repeating: 1, count: 64)) == Array(repeating: 1, count: 5)
                + Array(repeating: 0, count: 59))
    }

    @Test func blocksArePreferredWhereTheyCostNextToNothing() {
        #expect(Dealing.deal(14336, shares: [1, 1, 1], preferringMultiplesOf: 32) == [4800, 4768, 4768])
        #expect(Dealing.deal(82, shares: [1, 1, 1], preferringMultiplesOf: 32) == [28, 27, 27])
        // 411 is no multiple: on one rank it is one range all the same.
        #expect(Dealing.deal(411, shares: [1], preferringMultiplesOf: 32) == [411])
        #expect(Dealing.deal(128_256, shares: [5, 3, 2], preferringMultiplesOf: 32) == [64128, 38464, 25664])
        // Blocks would leave the last rank without any.
        #expect(Dealing.deal(100_000, shares: [1, 1e-4], preferringMultiplesOf: 32) == [99991, 9])
    }

    @Test func blocksNeverSlowTheSlowestRankByOnePercentNorLoseAUnit() {
        var random = Random(seed: 3)
        var usedBlocks = 0
        for _ in 0..<500 {
            let shares = (0..<random.next(in: 1...12)).map { _ in Double(random.next(in: 1...20)) }
            let units = random.next(in: 1...30_000)
            let exact = Dealing.deal(units, shares: shares)
            let counts = Dealing.deal(units, shares: shares, preferringMultiplesOf: 32)
            #expect(counts.reduce(0, +) == units)
            let fastest = zip(exact, shares).map { Double($0) / $1 }.max() ?? 0
            let slowest = zip(counts, shares).map { Double($0) / $1 }.max() ?? 0
            #expect(slowest < fastest * 1.01 * (1 + 1e-12), "\(units) units, shares \(shares)")
            let last = counts.lastIndex { $0 > 0 }
            let isInBlocks = counts.indices.allSatisfy { $0 == last || counts[$0].isMultiple(of: 32) }
            #expect(isInBlocks || counts == exact)
            usedBlocks += counts != exact ? 1 : 0
        }
        #expect(usedBlocks > 50)
    }
}
