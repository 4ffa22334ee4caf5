import Blueprint
import Compute
import Partition
import Testing

/// Experts of which some are cut and the others whole: figures by hand, and what holds for any division.
@Suite struct MixedExpertTests {
    private static func plan(
        _ blueprint: Blueprint, _ shares: [Double], _ cut: ExpertCut? = .mixed, way: Way = .sum,
        cutting: Cutting = .uneven, encoding: Encoding = .bf16
    ) throws -> Plan {
        let policy = Policy(shares: shares, way: way, cutting: cutting, context: 128, chunk: 32, experts: cut)
        return try Plan(blueprint, policy: policy) { $0.isVector ? .f32 : encoding }
    }

    private static func run(_ members: Range<Int>, _ channels: Range<Int>) -> ExpertRun {
        ExpertRun(members: members, channels: channels, heldChannels: channels.count)
    }

    /// Ten groups at 5:3:2: two experts and a half, one and a half, and one.
    @Test func expertsAreCutOnGroupsWhereTheirNumberDoesNotMeetTheShares() throws {
        let blueprint = try ExpertPlanTests.model(experts: 5, width: 64)
        let experts = try ExpertPlanTests.mixture(blueprint)
        let plan = try Self.plan(blueprint, [5, 3, 2], encoding: Resource.grouped(4, 32))
        #expect(plan.cut(of: experts) == .mixed)
        #expect(plan.split(of: experts.channelAxis).counts == [160, 96, 64])
        #expect(plan.runs(of: experts, rank: 0) == [Self.run(0..<2, 0..<64), Self.run(2..<3, 0..<32)])
        #expect(plan.runs(of: experts, rank: 1) == [Self.run(2..<3, 32..<64), Self.run(3..<4, 0..<64)])
        #expect(plan.runs(of: experts, rank: 2) == [Self.run(4..<5, 0..<64)])
        let up = plan.slices(of: experts.up.weight, rank: 1)
        #expect(up.map(\.members) == [2..<3, 3..<4] && up.map(\.rows) == [32..<64, 0..<64])
        #expect(up.allSatisfy { $0.columns == 0..<64 })
        let down = plan.slices(of: experts.down.weight, rank: 1)
        #expect(down.map(\.columns) == [32..<64, 0..<64] && down.map(\.heldColumns) == [32, 64])
        #expect(plan.scalesHeldTwice(of: experts.down.weight).count == 0)
        #expect(
            plan.remarks.contains(
                "experts (layers 0-1): 5 of 64 channels, 2 for a token, end to end over the ranks: 4 whole, expert 2 "
                    + "cut (32 channels on rank 0, 32 channels on rank 1): figures are averages, a token's choice may "
                    + "fall on one rank"), "\(plan.remarks)")
        #expect(plan.remarks.contains("channels of experts (2 layers): cut on the borders of groups of 32 columns"))
    }

    @Test func oneExpertMayLieOnManyRanksAndARankMayHaveNone() throws {
        let blueprint = try ExpertPlanTests.model(experts: 2, width: 3)
        let experts = try ExpertPlanTests.mixture(blueprint)
        let plan = try Self.plan(blueprint, Array(repeating: 1, count: 7))
        #expect(plan.split(of: experts.channelAxis).counts == [1, 1, 1, 1, 1, 1, 0])
        for rank in 0..<6 {
            #expect(plan.runs(of: experts, rank: rank) == [Self.run(rank / 3..<rank / 3 + 1, rank % 3..<rank % 3 + 1)])
        }
        #expect(plan.slices(of: experts.down.weight, rank: 6).allSatisfy { $0.isEmpty })
        #expect(plan.cutExperts(of: experts).map(\.expert) == [0, 1])
        #expect(plan.cutExperts(of: experts).map { $0.parts.map(\.rank) } == [[0, 1, 2], [3, 4, 5]])
        #expect(plan.remarks.contains { $0.hasPrefix("channels of experts: rank 6 of 7 holds none of 6") })
    }

    @Test func oneRankHasAllWhateverIsCut() throws {
        let blueprint = try ExpertPlanTests.model(experts: 5, width: 82)
        let plans = try ExpertCut.allCases.map { try Self.plan(blueprint, [1], $0) }
        #expect(Set(plans.map(\.fingerprint)).count == 1)
        #expect(Set(plans.map { $0.holdings(rank: 0) }).count == 1)
    }

    @Test func cutsAreMultiplesOfBlocksWhereThatCostsNextToNothing() throws {
        let blueprint = try ExpertPlanTests.model(experts: 61, width: 96)
        let experts = try ExpertPlanTests.mixture(blueprint)
        let plan = try Self.plan(blueprint, [5, 3, 2])
        #expect(plan.split(of: experts.channelAxis).ranges.allSatisfy { $0.upperBound.isMultiple(of: 32) })
        #expect(plan.remarks.contains { $0.hasPrefix("channels of experts, vocabulary: dealt in multiples of 32") })
    }

    @Test func nothingIsSaidOfBlocksThatWouldFallElsewhereInEveryExpert() throws {
        let blueprint = try ExpertPlanTests.model(experts: 61, width: 80)
        let plan = try Self.plan(blueprint, [5, 3, 2])
        #expect(plan.cut(of: try ExpertPlanTests.mixture(blueprint)) == .mixed)
        let remarks = plan.remarks.filter { $0.contains("multiples of 32") }
        #expect(!remarks.isEmpty && remarks.allSatisfy { !$0.contains("experts") }, "\(plan.remarks)")
    }

    /// Groups that padding leaves whole are too few, and five experts are too: of both together ten units are not.
    @Test func theMixtureIsChosenWhereItAloneMeetsTheShares() throws {
        let offsets = Encoding.grouped(try #require(Grouping(bits: 4, size: 128, scale: .bf16, hasOffsets: true)))
        for (count, width) in [(5, 256), (8, 256), (3, 512)] {
            let blueprint = try ExpertPlanTests.model(experts: count, width: width)
            let experts = try ExpertPlanTests.mixture(blueprint)
            func slowest(_ cut: ExpertCut?) throws -> Double {
                let plan = try Self.plan(blueprint, [5, 3, 2], cut, cutting: .padded, encoding: offsets)
                #expect(plan.cut(of: experts) == cut ?? .mixed)
                return zip(Self.channels(plan, experts), [5, 3, 2]).map { Double($0) / $1 }.max() ?? 0
            }
            #expect(try slowest(nil) == slowest(.mixed))
            #expect(try slowest(.mixed) < slowest(.whole) && slowest(.mixed) < slowest(.inside))
            #expect(try slowest(.mixed) * 10 <= Double(count * width) * 1.05)
        }
    }

    @Test func wholeExpertsArePreferredToAMixtureThatIsNoFaster() throws {
        let blueprint = try ExpertPlanTests.model(experts: 6, width: 1)
        let experts = try ExpertPlanTests.mixture(blueprint)
        #expect(try Self.plan(blueprint, [1, 1, 1], nil).cut(of: experts) == .whole)
        #expect(try Self.plan(blueprint, [3, 2, 2], nil).cut(of: experts) == .whole)
        let five = try ExpertPlanTests.model(experts: 5, width: 2)
        #expect(try Self.plan(five, [5, 3, 2], nil).cut(of: ExpertPlanTests.mixture(five)) == .mixed)
        #expect(try Self.plan(five, [1, 1], nil).cut(of: ExpertPlanTests.mixture(five)) == .inside)
    }

    // MARK: - Any division

    /// A mixture, shares and an encoding at random.
    private struct Case {
        var blueprint: Blueprint
        var experts: Experts
        var shares: [Double]
        var encoding: Encoding

        init(seed: UInt64) throws {
            var random = Random(seed: seed)
            let groupings = try Resource.groupings()
            let grouping = groupings[random.next(in: 0...groupings.count - 1)]
            let isGrouped = random.next(in: 0...1) == 0
            let width = isGrouped ? grouping.period * random.next(in: 1...3) : random.next(in: 1...130)
            encoding = isGrouped ? .grouped(grouping) : .bf16
            blueprint = try ExpertPlanTests.model(experts: random.next(in: 2...12), width: width)
            experts = try ExpertPlanTests.mixture(blueprint)
            shares = (0..<random.next(in: 2...7)).map { _ in Double(random.next(in: 1...9)) }
        }
    }

    private static func channels(_ plan: Plan, _ experts: Experts) -> [Int] {
        (0..<plan.rankCount).map { rank in
            plan.runs(of: experts, rank: rank).reduce(0) { $0 + $1.members.count * $1.channels.count }
        }
    }

    @Test(arguments: 0..<60) func noChannelIsLostOrHeldTwice(seed: UInt64) throws {
        let model = try Case(seed: seed)
        for way in Way.allCases {
            let plan = try Self.plan(model.blueprint, model.shares, way: way, encoding: model.encoding)
            for weight in model.experts.expertWeights {
                let slices = (0..<plan.rankCount).flatMap { plan.slices(of: weight, rank: $0) }
                var held = [Int](repeating: 0, count: weight.memberCount * weight.rows * weight.columns)
                for slice in slices {
                    #expect(slice.heldRows == slice.rows.count && slice.heldColumns == slice.columns.count)
                    for member in slice.members {
                        for row in slice.rows {
                            let start = (member * weight.rows + row) * weight.columns
                            for column in slice.columns { held[start + column] += 1 }
                        }
                    }
                }
                #expect(held.allSatisfy { $0 == 1 }, "\(weight.name), \(model.shares)")
            }
        }
    }

    @Test(arguments: 0..<60) func aRankHasWholeExpertsBetweenTwoCutOnes(seed: UInt64) throws {
        let model = try Case(seed: seed)
        let plan = try Self.plan(model.blueprint, model.shares, encoding: model.encoding)
        let width = model.experts.axis.count
        var next = 0
        for rank in model.shares.indices {
            let runs = plan.runs(of: model.experts, rank: rank)
            for (place, run) in runs.enumerated() where !run.channels.isEmpty {
                #expect(run.members.lowerBound * width + run.channels.lowerBound == next)
                next += run.members.count * run.channels.count
                guard run.channels != 0..<width else { continue }
                #expect(run.members.count == 1 && (place == 0 || place == runs.count - 1))
            }
        }
        #expect(next == model.experts.memberAxis.count * width)
        #expect(plan.cutExperts(of: model.experts).count < model.shares.count)
    }

    /// Preferring blocks costs less than 1 %, groups at most 5 %.
    @Test(arguments: 0..<60) func noOtherCutHasAFasterSlowestRank(seed: UInt64) throws {
        let model = try Case(seed: seed)
        func slowest(_ cut: ExpertCut) throws -> Double {
            let plan = try Self.plan(model.blueprint, model.shares, cut, encoding: model.encoding)
            return zip(Self.channels(plan, model.experts), model.shares).map { Double($0) / $1 }.max() ?? 0
        }
        let mixed = try slowest(.mixed)
        #expect(try mixed <= slowest(.whole) * 1.01 && mixed <= slowest(.inside) * 1.05)
    }

    @Test(arguments: 0..<60) func holdingsAreWhatTheArenaTakesAndTheFileHas(seed: UInt64) throws {
        let model = try Case(seed: seed)
        let plan = try Self.plan(model.blueprint, model.shares, encoding: model.encoding)
        let whole = try Self.plan(model.blueprint, model.shares, .whole, encoding: model.encoding)
        var more = 0
        for rank in model.shares.indices {
            let arena = model.blueprint.weights.reduce(0) { total, weight in
                plan.slices(of: weight, rank: rank).reduce(total) { total, slice in
                    total
                        + slice.members.count
                        * (weight.isVector
                            ? Arena.byteCount(vector: slice.heldRows)
                            : Arena.byteCount(
                                rows: slice.heldRows, columns: slice.heldColumns, encoding: plan.encoding(of: weight),
                                firstColumn: slice.columns.lowerBound))
                }
            }
            #expect(plan.holdings(rank: rank).weightByteCount == arena)
            more += plan.holdings(rank: rank).fileByteCount - whole.holdings(rank: rank).fileByteCount
        }
        // What is cut inside groups has their scales on both sides, and inside bytes those.
        let mixtures = ExpertPlanTests.mixtures(model.blueprint)
        let scales = mixtures.reduce(0) { $0 + plan.scalesHeldTwice(of: $1.down.weight).byteCount }
        let insideBytes = plan.split(of: model.experts.channelAxis).ranges.filter { $0.upperBound % 8 != 0 }.count
        let bytes = model.encoding == .bf16 ? 0 : insideBytes * 2 * 64 * mixtures.count
        #expect((scales...scales + bytes).contains(more), "\(more), of which scales \(scales)")
    }

    /// What a rank is expected to compute is rounded, in each of three products of two layers.
    @Test(arguments: 0..<20) func allRanksTogetherDoTheWorkOfAllExperts(seed: UInt64) throws {
        let model = try Case(seed: seed)
        for way in Way.allCases {
            func operations(_ cut: ExpertCut) throws -> Int {
                let plan = try Self.plan(model.blueprint, model.shares, cut, way: way, encoding: model.encoding)
                return model.shares.indices.reduce(0) {
                    $0 + plan.work(rank: $1, tokens: 1, firstPosition: 0, logitRows: 0).operationCount
                }
            }
            let difference = try operations(.mixed) - operations(.whole)
            #expect(abs(difference) <= 2 * 3 * model.shares.count, "\(way) \(model.shares): \(difference)")
        }
    }

    // MARK: - Planned

    /// Two of eight experts fall on one of two ranks with four each in 12 of 28 cases: then it has two to do, not one.
    @Test func aChoiceMayFallOnOneRank() throws {
        let blueprint = try ExpertPlanTests.model(experts: 8, width: 256)
        let profile = Clusters.profile([1e8, 1e8].map { Clusters.rank($0, callSeconds: 0) })
        func prediction(_ cut: ExpertCut) throws -> (plan: Plan, prediction: Prediction) {
            let plan = try Self.plan(blueprint, [1, 1], cut, encoding: .f32)
            return (plan, CostModel(plan, profile).decodedToken(position: 15))
        }
        let (inside, whole, mixed) = (try prediction(.inside), try prediction(.whole), try prediction(.mixed))
        let seconds = Double(whole.plan.expertByteCount(rank: 0, tokens: 1)) / 1e8
        let more = whole.prediction.seconds - inside.prediction.seconds
        #expect(abs(more / seconds - 12.0 / 28) < 0.04, "\(more) of \(seconds)")
        #expect(whole.prediction.seconds == mixed.prediction.seconds)
        #expect(whole.prediction.ranks.allSatisfy { $0.waitSeconds > 0.3 * seconds })
    }

    /// Sixteen numbers of a row take as long as any fewer, so that small parts of every expert are dear; five whole
    /// experts do not divide well. A token goes through all of them: which rank works does not depend on it.
    @Test func thePlannerCutsSomeExpertsWhereThatIsTheFastest() throws {
        let blueprint = try ExpertPlanTests.model(experts: 5, width: 32, chosen: 5)
        let experts = try ExpertPlanTests.mixture(blueprint)
        let profile = Clusters.profile([5e8, 3e8, 2e8].map { Clusters.rank($0, callSeconds: 0) })
        func planned(_ cut: ExpertCut?) throws -> Plan {
            let policy = Policy(shares: [1, 1, 1], context: 16, chunk: 4, experts: cut)
            return try Planner(blueprint, policy: policy, profile: profile) { _ in .f32 }.plan()
        }
        func seconds(_ plan: Plan) -> Double { CostModel(plan, profile).decodedToken(position: 15).seconds }
        let plan = try planned(nil)
        #expect(plan.cut(of: experts) == .mixed)
        for cut in [ExpertCut.inside, .whole] {
            let other = try planned(cut)
            #expect(other.cut(of: experts) == cut)
            #expect(seconds(plan) < seconds(other), "\(cut)")
        }
        for experts in ExpertPlanTests.mixtures(blueprint) {
            #expect(plan.split(of: experts.channelAxis).counts == [80, 48, 32])
            #expect(plan.policy.counts[experts.channelAxis] == [80, 48, 32])
        }
        #expect(plan.remarks.contains { $0.contains("; channels of experts 80, 48, 32; ") }, "\(plan.remarks)")
    }
}
