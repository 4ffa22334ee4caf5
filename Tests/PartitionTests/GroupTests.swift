import Blueprint
import Partition
import Testing

@Suite struct GroupTests {
    struct Case {
        var model: Blueprint
        var shares: [Double]
        var grouping: Grouping
    }

    /// Shapes that divide badly, and those of small quantised checkpoints.
    static func cases(_ count: Int, seed: UInt64) throws -> [Case] {
        var random = Random(seed: seed)
        let groupings = try Resource.groupings()
        return try (0..<count).map { _ in
            let keyValueHeads = random.next(in: 1...6)
            let widths = [416, 448, 320, 512, 82, 4096, 14336, random.next(in: 1...20_000)]
            let model = try Resource.model(
                heads: keyValueHeads * random.next(in: 1...6), keyValueHeads: keyValueHeads,
                headSize: try #require([16, 20, 64, 128].randomElement(using: &random)), width: 48,
                mlpWidth: try #require(widths.randomElement(using: &random)), layers: random.next(in: 1...6))
            let shares = (0..<random.next(in: 1...7)).map { _ in Double(random.next(in: 1...9)) }
            let grouping = try #require(groupings.randomElement(using: &random))
            return Case(model: model, shares: shares, grouping: grouping)
        }
    }

    static func plan(_ trial: Case, _ way: Way = .sum, _ cutting: Cutting = .uneven) throws -> Plan {
        try Resource.plan(of: trial.model, trial.shares, way, cutting, context: 8, encoding: .grouped(trial.grouping))
    }

    @Test func groupsWithOffsetsAreNotCutWhereZerosFollow() throws {
        var trials = 0
        for trial in try Self.cases(300, seed: 19) where trial.grouping.hasOffsets {
            let possible = try Resource.unlessPaddedInsideAGroup { try Self.plan(trial, .sum, .padded) }
            guard let plan = possible else { continue }
            for weight in trial.model.weights {
                guard case .columns = weight.distribution else { continue }
                for rank in 0..<plan.rankCount {
                    let columns = plan.slice(of: weight, rank: rank).columns
                    let isOnBorder = columns.upperBound % trial.grouping.size == 0
                    let isPadded = plan.slice(of: weight, rank: rank).heldColumns > columns.count
                    #expect(columns.isEmpty || isOnBorder || !isPadded && columns.upperBound == weight.columns)
                }
            }
            trials += 1
        }
        #expect(trials > 50)
    }

    @Test func noUnitIsLostAndFirstProjectionsAreCutWhereTheLastAre() throws {
        for trial in try Self.cases(300, seed: 11) {
            let plan = try Self.plan(trial)
            for mixer in trial.model.layers.flatMap(\.branches).map(\.mixer) {
                for axis in mixer.axes {
                    #expect(plan.split(of: axis).ranges.flatMap { Array($0) } == Array(0..<axis.count))
                }
                switch mixer {
                case .attention(let attention):
                    Self.expectSameCuts(plan, attention.query.weight, attention.output.weight)
                case .mlp(let mlp):
                    Self.expectSameCuts(plan, try #require(mlp.gate).weight, mlp.down.weight)
                    Self.expectSameCuts(plan, mlp.up.weight, mlp.down.weight)
                case .experts, .deltaNet, .stateSpace:
                    Issue.record("None of these models has such a mixer.")
                }
            }
        }
    }

    private static func expectSameCuts(_ plan: Plan, _ first: Weight, _ last: Weight) {
        for rank in 0..<plan.rankCount {
            #expect(plan.slice(of: first, rank: rank).rows == plan.slice(of: last, rank: rank).columns)
        }
    }

    /// Scales and offsets that more than one rank needs, group by group.
    private static func countHeldTwice(_ plan: Plan, _ weight: Weight, _ grouping: Grouping) -> Int {
        let sizes = [grouping.size] + (grouping.scale == .nested ? [256] : [])
        let ranges = (0..<plan.rankCount).map { plan.slice(of: weight, rank: $0).columns }
        let twice = sizes.reduce(0) { total, size in
            total
                + stride(from: 0, to: weight.columns, by: size).reduce(0) { total, start in
                    let group = start..<min(start + size, weight.columns)
                    return total + ranges.count { $0.overlaps(group) } - 1
                }
        }
        return weight.rows * twice * (grouping.hasOffsets ? 2 : 1)
    }

    @Test func scalesAreHeldTwiceOnlyWhereThePlanSaysSo() throws {
        var (twiceSeen, bordersSeen) = (0, 0)
        for trial in try Self.cases(300, seed: 12) where trial.shares.count > 1 {
            let plan = try Self.plan(trial)
            for (kind, name) in [(Axis.Kind.queryHeads, "query heads"), (.mlpWidth, "MLP width")] {
                let weights = trial.model.weights.filter { weight in
                    guard case .columns(let axis, _) = weight.distribution else { return false }
                    return axis.kind == kind
                }
                let expected = weights.reduce(0) { $0 + Self.countHeldTwice(plan, $1, trial.grouping) }
                #expect(weights.reduce(0) { $0 + plan.scalesHeldTwice(of: $1).count } == expected)
                let remark = try #require(plan.remarks.first { $0.hasPrefix(name) && $0.contains("): cut ") })
                #expect(remark.contains("cut inside groups") == (expected > 0), "\(remark)")
                let figure = Figure.grouped(expected) + " scales and offsets are held twice"
                #expect(remark.contains(figure) == (expected > 0), "\(remark)")
                if expected > 0 { twiceSeen += 1 } else { bordersSeen += 1 }
            }
        }
        #expect(twiceSeen > 50 && bordersSeen > 50)
    }

    @Test func groupsAreCutInsideOnlyWhereTheirBordersMissAShareByMoreThanFivePercent() throws {
        var (inside, onBorders) = (0, 0)
        for trial in try Self.cases(400, seed: 13) where trial.shares.count > 1 {
            let plan = try Self.plan(trial)
            let mixer = try #require(trial.model.layers[0].branches.last?.mixer)
            let size = trial.grouping.scale == .nested ? 256 : trial.grouping.size
            let groups = (mixer.axes[0].count + size - 1) / size
            var counts = Dealing.deal(groups, shares: trial.shares).map { $0 * size }
            let last = try #require(counts.lastIndex { $0 > 0 })
            counts[last] -= groups * size - mixer.axes[0].count
            let sum = trial.shares.reduce(0, +)
            let misses = zip(counts, trial.shares).map {
                abs(Double($0) * sum / ($1 * Double(mixer.axes[0].count)) - 1)
            }
            let areHeldTwice = mixer.weights.contains { plan.scalesHeldTwice(of: $0).count > 0 }
            if areHeldTwice {
                inside += 1
                #expect(misses.contains { $0 > 0.05 }, "\(trial)")
            } else {
                onBorders += 1
            }
        }
        #expect(inside > 40 && onBorders > 40)
    }

    @Test func theRemainderGoesRoundTheLayersAndSlowsNone() throws {
        let model = try Resource.model(heads: 8, keyValueHeads: 8, width: 64, mlpWidth: 512, layers: 5)
        let plan = try Resource.plan(of: model, [1, 1, 1, 1, 1], encoding: Resource.grouped(4, 64))
        let splits = model.layers.compactMap { $0.branches.last }.map { plan.split(of: $0.mixer.axes[0]).counts }
        #expect(splits[0] == [104, 104, 104, 104, 96])
        for rank in 0..<5 { #expect(splits.reduce(0) { $0 + $1[rank] } == 512) }
        for counts in splits { #expect(counts.sorted() == [96, 104, 104, 104, 104]) }
        let remark = try #require(plan.remarks.first { $0.contains("goes round the layers") })
        #expect(remark.hasSuffix("of all 2 560 the ranks get 20.0 %, 20.0 %, 20.0 %, 20.0 %, 20.0 %"))
        // A rank of a smaller share is not made the slowest to even out what it lacks.
        let uneven = try Resource.plan(of: model, [5, 3, 2, 1, 1], encoding: Resource.grouped(4, 64))
        for layer in model.layers {
            let counts = try #require(layer.branches.last.map { uneven.split(of: $0.mixer.axes[0]).counts })
            let slowest = zip(counts, [5.0, 3, 2, 1, 1]).map { Double($0) / $1 }.max()
            #expect(slowest == 44)
        }
    }

    @Test func bytesOfEqualRanksFollowTheSharesOverTheWholeModel() throws {
        for (ranks, width) in [(3, 41), (5, 82), (7, 96), (7, 33), (5, 512)] {
            let model = try Resource.model(
                heads: ranks, keyValueHeads: ranks, width: 32, mlpWidth: width, layers: 3 * ranks)
            let shares = [Double](repeating: 1, count: ranks)
            let plan = try Resource.plan(of: model, shares, encoding: Resource.grouped(8, 32))
            let totals = shares.indices.map { rank in
                model.layers.compactMap { $0.branches.last }.reduce(0) {
                    $0 + plan.split(of: $1.mixer.axes[0])[rank].count
                }
            }
            let asked = Double(3 * width)
            for total in totals { #expect(abs(Double(total) - asked) <= asked * 0.05, "\(width): \(totals)") }
        }
    }

    @Test func plansOfTheSameSharesAreTheSame() throws {
        for trial in try Self.cases(60, seed: 14) {
            let plan = try Self.plan(trial)
            #expect(try Self.plan(trial).fingerprint == plan.fingerprint)
            var scaled = trial
            scaled.shares = trial.shares.map { $0 / 3 }
            #expect(try Self.plan(scaled).fingerprint == plan.fingerprint)
        }
    }

    @Test func inWayGatherGroupsHaveNoSay() throws {
        for trial in try Self.cases(60, seed: 15) {
            let plan = try Self.plan(trial, .gather)
            let plain = try Resource.plan(of: trial.model, trial.shares, .gather, context: 8)
            for mlp in trial.model.layers.flatMap(\.branches).map(\.mixer.axes[0]) where mlp.kind == .mlpWidth {
                #expect(plan.split(of: mlp) == plain.split(of: mlp))
            }
            #expect(trial.model.weights.allSatisfy { plan.scalesHeldTwice(of: $0).count == 0 })
            #expect(plan.remarks.allSatisfy { !$0.contains("groups of") })
        }
    }
}
