import Blueprint
import Partition
import Testing

@Suite struct SliceTests {
    @Test(arguments: Resource.folders, Way.allCases)
    func everyElementOfEveryWeightIsHeldAndOnlyWhatMustBeIsHeldTwice(folder: String, way: Way) throws {
        let blueprint = try Resource.blueprint(folder)
        for shares in Resource.shares {
            let plan = try Resource.plan(of: blueprint, shares, way)
            for weight in blueprint.weights {
                let slices = shares.indices.map { plan.slice(of: weight, rank: $0) }
                switch weight.distribution {
                case .replicated:
                    #expect(slices.allSatisfy { $0.rows == 0..<weight.rows && $0.columns == 0..<weight.columns })
                case .rows(let axis, _):
                    #expect(slices.allSatisfy { $0.columns == 0..<weight.columns })
                    Self.expectCover(slices.map(\.rows), weight.rows, mayOverlap: axis.kind == .keyValueHeads)
                case .columns:
                    let others = slices.map(way == .sum ? \.rows : \.columns)
                    let (count, otherCount) =
                        way == .sum ? (weight.columns, weight.rows) : (weight.rows, weight.columns)
                    #expect(others.allSatisfy { $0 == 0..<otherCount })
                    Self.expectCover(slices.map(way == .sum ? \.columns : \.rows), count, mayOverlap: false)
                }
            }
        }
    }

    static func expectCover(_ ranges: [Range<Int>], _ count: Int, mayOverlap: Bool) {
        #expect(Set(ranges.joined()) == Set(0..<count))
        if !mayOverlap { #expect(ranges.flatMap { Array($0) } == Array(0..<count)) }
    }

    @Test(arguments: Resource.folders, Way.allCases)
    func paddedSlicesHaveTheSameRangesAndTheSizeOfTheLongest(folder: String, way: Way) throws {
        let blueprint = try Resource.blueprint(folder)
        for shares in Resource.shares {
            let uneven = try Resource.plan(of: blueprint, shares, way)
            let padded = try Resource.plan(of: blueprint, shares, way, .padded)
            for weight in blueprint.weights {
                let slices = shares.indices.map { uneven.slice(of: weight, rank: $0) }
                for rank in shares.indices {
                    let slice = padded.slice(of: weight, rank: rank)
                    #expect(slice.rows == slices[rank].rows && slice.columns == slices[rank].columns)
                    #expect(slice.heldRows == slices.map(\.rows.count).max())
                    #expect(slice.heldColumns == slices.map(\.columns.count).max())
                    #expect(slices[rank].heldElementCount == slices[rank].elementCount)
                }
            }
        }
    }

    @Test(arguments: Resource.folders)
    func biasesAreSplitAsTheRowsOfTheirWeights(folder: String) throws {
        let blueprint = try Resource.blueprint(folder)
        let plan = try Resource.plan(of: blueprint, [5, 3, 2])
        for attention in Resource.attentions(blueprint) {
            for projection in attention.inputs {
                guard let bias = projection.bias else { continue }
                for rank in 0..<3 {
                    #expect(
                        plan.slice(of: bias, rank: rank).rows == plan.slice(of: projection.weight, rank: rank).rows)
                    #expect(plan.slice(of: bias, rank: rank).columns == 0..<1)
                }
            }
        }
    }

    @Test func moreRanksThanHeadsLeaveEmptyRangesThatCostNothing() throws {
        let plan = try Resource.plan("llama-a-h84-i82-q7kv1-f32", Array(repeating: 1, count: 14))
        let attention = try #require(Resource.attentions(plan.blueprint).first)
        let idle = plan.heads(of: attention, rank: 13)
        #expect(idle.heads.isEmpty && idle.covered.isEmpty && idle.coveredHead.isEmpty)
        #expect(plan.slice(of: attention.query.weight, rank: 13).isEmpty)
        #expect(plan.holdings(rank: 13).cacheByteCount == 0)
        #expect(
            plan.split(of: attention.queryAxis).counts == Array(repeating: 1, count: 7) + Array(repeating: 0, count: 7))
        #expect(plan.remarks.contains { $0.contains("7, 8, 9, 10, 11, 12, 13") && $0.contains("query heads") })
    }

    @Test func layersOfOneShapeAreSplitAlike() throws {
        let plan = try Resource.plan("alice", [5, 3, 2])
        let splits = Resource.attentions(plan.blueprint).map { plan.split(of: $0.queryAxis) }
        #expect(splits.count == 5 && Set(splits).count == 1)
    }
}
