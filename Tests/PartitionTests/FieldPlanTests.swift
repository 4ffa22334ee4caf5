import Blueprint
import Foundation
import Partition
import Testing

/// Plans of published models, held against a computation that shares no code with the program:
/// `Resources/field/make_plans.py`.
@Suite struct FieldPlanTests {
    struct Row: Decodable, Sendable, CustomTestStringConvertible {
        struct Part: Decodable, Sendable {
            var queryHeads: [Int]
            var keyValueHeads: [[Int]]
            var wholeGroups: [Int]
            var mlpWidth: [Int]
        }

        var model: String
        var shares: [Double]
        var bf16: Part
        var f32: Part
        var q4: Part
        var vocabulary: [Int]

        var testDescription: String { "\(model) \(shares)" }
    }

    static func rows() throws -> [Row] { try JSONDecoder().decode([Row].self, from: Resource.data("field/plans.json")) }

    /// A config of Tests/BlueprintTests, which holds it against what was published.
    static func blueprint(_ model: String) throws -> Blueprint {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let path = tests.appending(path: "BlueprintTests/Resources/published/\(model).json")
        return try Blueprint(configuration: String(decoding: Data(contentsOf: path), as: UTF8.self))
    }

    @Test func everyModelIsPlannedForEveryClusterOfTheTable() throws {
        let rows = try Self.rows()
        #expect(rows.count == 70 && Set(rows.map(\.model)).count == 7)
        for row in rows {
            let blueprint = try Self.blueprint(row.model)
            for (encoding, part) in [(.bf16, row.bf16), (.f32, row.f32), (try Resource.grouped(4, 32), row.q4)] {
                try Self.check(blueprint, row, encoding, part)
            }
        }
    }

    private static func check(_ blueprint: Blueprint, _ row: Row, _ encoding: Encoding, _ part: Row.Part) throws {
        let policy = Policy(shares: row.shares, context: 8192, cache: .f16)
        let plan = try Plan(blueprint, policy: policy) { $0.isVector ? .f32 : encoding }
        let name = "\(row.model), \(row.shares), \(encoding.name)"
        let attention = try #require(Resource.attentions(blueprint).first)
        let mlp = try #require(blueprint.layers.first?.branches.last?.mixer.axes.last)
        #expect(plan.split(of: attention.queryAxis).counts == part.queryHeads, "\(name)")
        let keyValues = plan.split(of: attention.keyValueAxis).ranges.map { [$0.lowerBound, $0.upperBound] }
        #expect(keyValues == part.keyValueHeads, "\(name)")
        #expect(plan.split(of: mlp).counts == part.mlpWidth, "\(name)")
        #expect(plan.split(of: blueprint.vocabularyAxis).counts == row.vocabulary, "\(name)")
        let heads = part.queryHeads.map { "\($0)" }.joined(separator: ", ") + " heads"
        let whole = part.wholeGroups.map { "\($0)" }.joined(separator: ", ") + " heads"
        let remark = try #require(plan.remarks.first { $0.hasPrefix("attention ") })
        #expect(remark.contains(heads) && remark.contains(whole), "\(name): \(remark)")
    }
}
